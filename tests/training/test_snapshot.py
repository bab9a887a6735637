"""A run that goes on from a snapshot ends with the bits of the run in one piece."""

from dataclasses import replace

import numpy as np
import pytest

from portable_dnn import initialize_parameters_deep, place, to_host, train
from portable_dnn.arrays.devices import choose_device
from portable_dnn.errors import SettingError
from portable_dnn.training.history import Norms
from portable_dnn.training.state import Snapshot

# wide and narrow, deep and not, and logistic regression
NETWORKS = [(192, 20, 7, 5, 1), (300, 9, 1), (30, 1)]
RUN = {"hidden": "relu", "learning_rate": 0.05, "num_iterations": 61, "record_every": 20}


@pytest.fixture
def make_run(random, device):
    """Return a function that draws a problem, and gives what trains on it."""

    def make(dims, dtype="float64", m=17):
        X = place(random.rand(dims[0], m).astype(dtype), device)
        Y = place((random.rand(1, m) > 0.5).astype(dtype), device)
        start = place(initialize_parameters_deep(dims, dtype=dtype), device)
        return lambda **options: train(X, Y, start, **{**RUN, **options})

    return make


def snapshots_of(run, **options):
    """Return what a run gives, and its snapshots, brought to the host as a file would."""
    found = []

    def keep(progress):
        snapshot = progress.snapshot
        state = {name: np.array(array) for name, array in to_host(snapshot.state).items()}
        found.append(replace(snapshot, state=state))

    return run(callback=keep, **options), found


def equal(a, b):
    """Whether two runs ended alike, to the last bit and the last record."""
    here, there = to_host(a.parameters), to_host(b.parameters)
    assert list(here) == list(there)
    for name in here:
        np.testing.assert_array_equal(here[name], there[name], strict=True, err_msg=name)
    assert a.history == b.history


@pytest.mark.parametrize("compress", ["on", "off"])
@pytest.mark.parametrize(
    ("dims", "dtype"),
    [(NETWORKS[0], "float64"), (NETWORKS[1], "float32"), (NETWORKS[2], "float64")],
)
def test_the_bits_do_not_depend_on_looks_or_interruptions(make_run, dims, dtype, compress):
    run = make_run(dims, dtype)
    whole = run(compress=compress)
    looked_at, snapshots = snapshots_of(run, compress=compress)
    equal(whole, looked_at)
    assert [s.iteration for s in snapshots] == list(range(1, 62))
    # At a record and between records; a stretch begins and ends otherwise in each.
    for number in (19, 33):
        begin = snapshots[number]
        assert begin.history.iteration == [i for i in (0, 20, 40, 60) if i <= number]
        equal(whole, run(compress=compress, begin=begin, stop_every=7, callback=lambda _: None))


def test_a_snapshot_stays_as_it_was(make_run):
    run = make_run((30, 4, 1))
    _, snapshots = snapshots_of(run)
    before = snapshots[30].history.copy()
    run(begin=snapshots[30])
    assert snapshots[30].history.cost == before.cost
    assert len(before.cost) == 2


def test_it_stops_where_it_was_told_to(make_run):
    seen = []
    make_run((30, 4, 1))(
        stop_every=9,
        callback_seconds=1e9,
        callback=lambda progress: seen.append(progress.iteration + 1),
    )
    assert {9, 18, 27, 36, 45, 54} <= set(seen)
    assert len(seen) < 30


@pytest.mark.parametrize(
    ("callback", "seconds", "waited_for"),
    [(None, 1e9, False), (lambda _: None, 0.0, False), (lambda _: None, 1e9, True)],
    ids=["unwatched", "after each", "by the clock"],
)
def test_the_device_is_waited_for_where_time_decides(
    make_run, monkeypatch, device, callback, seconds, waited_for
):
    """Else a library that only queues steps would seem to take no time, and never be looked at."""
    backend, calls = choose_device(device).backend, []
    synchronize = backend.synchronize
    monkeypatch.setattr(
        backend, "synchronize", lambda name: (calls.append(name), synchronize(name))
    )
    make_run((30, 4, 1))(callback=callback, callback_seconds=seconds)
    assert bool(calls) == waited_for


def test_the_cost_of_progress_is_that_after_the_update(make_run):
    costs = []
    trained = make_run((30, 4, 1))(
        record_every=1, callback=lambda progress: costs.append(progress.cost)
    )
    assert costs == [*trained.history.cost[1:], trained.history.final_cost]


def test_the_way_layer_1_is_held_is_that_of_the_snapshot(make_run):
    run = make_run((192, 9, 1))
    whole, snapshots = snapshots_of(run, compress="on")
    # "auto" would not compress so short a run's rest, nor would "off".
    equal(whole, run(begin=snapshots[50], compress="off"))


def test_other_products_of_the_pictures_are_told(make_run):
    run = make_run((192, 9, 1))
    _, snapshots = snapshots_of(run, compress="on")
    with pytest.warns(UserWarning, match="equal up to rounding"):
        run(begin=replace(snapshots[3], products_hash="0" * 64))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"iteration": 62}, "62 iterations behind it"),
        ({"state": {}}, "snapshot's W1 is missing"),
        ({"state": {"W1": np.ones((9, 30))}}, "b1 is missing"),
        ({"state": {"W1": np.ones((9, 29))}}, r"W1 is float64 of shape \(9, 29\)"),
        ({"state": {"W1": np.ones((9, 30), dtype="f4")}}, "W1 is float32"),
    ],
)
def test_a_snapshot_of_another_run_is_refused(make_run, change, said):
    run = make_run((30, 9, 1))
    _, snapshots = snapshots_of(run, compress="off")
    with pytest.raises(SettingError, match=said):
        run(begin=replace(snapshots[3], **change))


def test_another_start_or_more_arrays_are_refused(make_run):
    run = make_run((30, 9, 1))
    _, snapshots = snapshots_of(run)
    begin: Snapshot = snapshots[3]
    more = {**begin.state, "W3": np.ones((1, 1))}
    with pytest.raises(SettingError, match="has 4 arrays"):
        run(begin=replace(begin, state=more))
    other = replace(begin, history=replace(begin.history, start_hash="0" * 64))
    with pytest.raises(SettingError, match="other start parameters"):
        run(begin=other)
    renamed = Norms({name.upper(): 0.0 for name in row} for row in begin.history.gradient_norm)
    for records in ({"gradient_norm": renamed}, {"dead_share": [(None, 0.5)]}):
        other = replace(begin, history=replace(begin.history, **records))
        with pytest.raises(SettingError, match="records are of a network with"):
            run(begin=other)
    for records in (
        {"iteration": [1]},
        {"iteration": [0, 20]},
        {"cost": []},
        {"gradient_norm": Norms()},
    ):
        other = replace(begin, history=replace(begin.history, **records))
        with pytest.raises(SettingError, match="the interval between records that it began with"):
            run(begin=other)
    with pytest.raises(SettingError, match="4 iterations with a record every 3 have 2"):
        run(begin=begin, record_every=3)
    with pytest.raises(SettingError, match="interval between stops is 0"):
        run(stop_every=0)
