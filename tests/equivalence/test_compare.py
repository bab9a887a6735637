"""Comparing: what is refused, what becomes of a backend that dies, what a report holds."""

import dataclasses
import json

import numpy as np
import pytest

from portable_dnn.arrays.devices import choose_device
from portable_dnn.equivalence import (
    as_dict,
    compare,
    from_dict,
    read_report,
    worst_rows,
    write_report,
)
from portable_dnn.equivalence.limits.accuracy import accuracy_of
from portable_dnn.equivalence.report.meaning import meaning
from portable_dnn.equivalence.stages.free_run import Task, train_on
from portable_dnn.equivalence.stages.judge import judge
from portable_dnn.equivalence.stages.run_difference import compare_runs
from portable_dnn.errors import DataError, DeviceError, SettingError, ShapeError
from portable_dnn.network.initializers import initialize_parameters_deep
from portable_dnn.training.settings import Settings
from tests.equivalence.faults import Fault, faulty_device, registered

SMALL = Settings(layers=(4, 3), iterations=4, dtype="float32")


@pytest.fixture(scope="module")
def data():
    random = np.random.RandomState(2)
    return random.uniform(size=(30, 12)), random.randint(0, 2, (1, 12))


def _run_inputs(data):
    X, Y = (array.astype("float32") for array in data)
    return X, Y, initialize_parameters_deep([30, 4, 3, 1], seed=1, dtype="float32")


@pytest.fixture(scope="module")
def report(data):
    return compare("numpy", *data, settings=SMALL, source="random numbers", many=0)


def never(call):
    raise MemoryError("out of memory (allocating 3 GB)")


def dying(on, when=0):
    """A backend that runs out of memory at the n-th call of a primitive."""

    def change(call):
        count = call.memory["count"] = call.memory.get("count", 0) + 1
        if count > when:
            never(call)

    return faulty_device(Fault("dies", on, change, ()))


def test_a_report_holds_what_two_machines_need(report, data):
    assert report.outcome == "same numbers"
    assert report.tested.device == report.reference.device == "numpy:cpu"
    assert report.tested.versions["numpy"] == np.__version__
    assert report.setup.layer_dims == (30, 4, 3, 1)
    assert report.setup.samples == 12
    assert report.setup.settings["dtype"] == "float32"
    assert report.setup.data_source == "random numbers"
    assert report.free_run.iterations == (0, 1, 2, 4)
    names = {j.name for j in report.judgements}
    assert {"layer 1, forward product", "layer 3, update", "compiled step, in the span"} <= names
    assert {j.iteration for j in report.judgements} == {None, 0, 1, 2, 4}
    assert len({j.key for j in report.judgements}) == len(report.judgements)


def test_other_data_or_another_start_have_other_hashes(report, data):
    X, Y = data
    again = compare("numpy", X, Y, settings=SMALL, many=0).setup
    assert (again.data_sha256, again.start_sha256) == (
        report.setup.data_sha256,
        report.setup.start_sha256,
    )
    assert compare("numpy", X, 1 - Y, settings=SMALL, many=0).setup.data_sha256 != again.data_sha256
    other = dataclasses.replace(SMALL, seed=5)
    assert compare("numpy", X, Y, settings=other, many=0).setup.start_sha256 != again.start_sha256


def test_a_report_goes_to_json_and_back(report, tmp_path):
    path = tmp_path / "report.json"
    write_report(report, path)
    assert read_report(path) == report
    json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_a_report_with_infinite_errors_goes_to_json_and_back(data):
    device = faulty_device(Fault("NaN", "matmul", lambda c: c.right(*c.inputs) * np.nan, ()))
    report = compare(device, *data, settings=SMALL, many=0)
    assert report.outcome == "wrong"
    text = json.dumps(as_dict(report), allow_nan=False)
    # NaN is not equal to itself.
    assert repr(from_dict(json.loads(text))) == repr(report)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(schema=99), "layout version 99"),
        (lambda d: d.pop("headline"), "not a whole report"),
        (lambda d: d.update(judgements=[{}]), "not a whole report"),
        (lambda d: d.update(seconds="long"), "seconds"),
        (lambda d: d.update(outcome="fine"), "outcome"),
        (lambda d: d["setup"].update(samples=True), "samples"),
        (lambda d: d["judgements"][0].update(shape="big"), "shape"),
    ],
)
def test_a_report_that_was_tampered_with_is_refused(report, change, words):
    content = json.loads(json.dumps(as_dict(report)))
    change(content)
    with pytest.raises(DataError, match=words):
        from_dict(content)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 1}', "[" * 100_000])
def test_what_is_no_report_is_refused(tmp_path, content):
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"report"):
        read_report(path)


def test_a_missing_report_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.json does not exist; give"):
        read_report(tmp_path / "none.json")


def test_an_unknown_backend_is_refused(data):
    with pytest.raises(DeviceError, match="unknown device 'nompy'"):
        compare("nompy", *data)


@pytest.mark.parametrize(
    ("X", "Y", "error", "words"),
    [
        (np.full((3, 4), np.nan), np.zeros((1, 4)), DataError, r"X has nan at \(0, 0\)"),
        (np.full((3, 4), 1e39), np.zeros((1, 4)), DataError, "no finite float32"),
        (np.ones((3, 4), int), np.zeros((1, 4)), DataError, "uint8 pixels or floats"),
        (np.ones((3, 4)), np.full((1, 4), 2), DataError, "other than 0 and 1"),
        (np.ones((3, 4)), np.zeros((1, 5)), ShapeError, "Y has shape"),
        (np.ones(3), np.zeros((1, 3)), ShapeError, "X has shape"),
    ],
)
def test_bad_data_are_refused(X, Y, error, words):
    with pytest.raises(error, match=words):
        compare("numpy", X, Y, settings=SMALL)


def test_bad_settings_are_refused(data):
    with pytest.raises(SettingError, match="dtype"):
        compare("numpy", *data, settings=dataclasses.replace(SMALL, dtype="float16"))


def test_pixels_are_scaled_on_both_sides():
    random = np.random.RandomState(3)
    X, Y = random.randint(0, 256, (30, 12)).astype(np.uint8), random.randint(0, 2, (1, 12))
    report = compare("numpy", X, Y, settings=SMALL, many=0)
    (scaling,) = [j for j in report.judgements if j.operation == "input scaling"]
    assert (scaling.verdict, scaling.dtype, scaling.shape) == ("identical", "float32", (30, 12))


def test_a_reference_that_is_wrong(data):
    from tests.equivalence.faults.products import rounded_inputs
    from tests.equivalence.faults.rounding import tf32

    wrong = faulty_device(Fault("TF32 products", "matmul", rounded_inputs(tf32), ()))
    report = compare("numpy", *data, reference=wrong, settings=SMALL, many=0)
    assert report.outcome == "wrong"
    assert report.headline.startswith("Wrong at layer 1, forward product, in the reference: "), (
        report.headline
    )
    assert f"Do not trust results of {wrong}" in " ".join(meaning(report))


def test_a_backend_that_cannot_tell_its_versions_any_more(data, monkeypatch):
    device = dying("matmul", when=100)
    monkeypatch.setattr(type(device.backend), "versions", lambda self: never(None), raising=False)
    report = compare(device, *data, settings=SMALL, many=0)
    assert report.failure is not None
    assert report.judgements
    assert "out of memory" in report.tested.versions[device.backend.name]


def test_the_largest_seed(data):
    report = compare("numpy", *data, settings=dataclasses.replace(SMALL, seed=2**32 - 1), many=0)
    assert report.outcome == "same numbers"


def test_a_backend_that_dies_keeps_the_report_so_far(data):
    report = compare(dying("matmul", when=100), *data, settings=SMALL, many=0)
    assert report.outcome == "could not be compared"
    assert report.failure.side == "tested"
    assert "out of memory (allocating 3 GB)" in report.headline
    assert report.failure.operation in report.headline
    assert 10 < len(report.judgements) < 200
    assert report.free_run is None
    assert from_dict(json.loads(json.dumps(as_dict(report)))) == report


def test_a_backend_that_dies_at_once(data):
    report = compare(dying("exp"), *data, settings=SMALL, many=0)
    assert report.failure.operation == "activation backward (tanh) (probe: normal numbers)"
    assert "(probe: normal numbers)" in report.headline


def test_what_was_wrong_before_a_death_stays_wrong(data):
    def change(call):
        return call.right(*call.inputs)[None]  # a shape that the next operation cannot take

    report = compare(faulty_device(Fault("", "matmul", change, ())), *data, settings=SMALL, many=0)
    assert report.outcome == "wrong"
    assert report.failure is not None
    assert "Then faulty:cpu failed at" in report.headline


def test_progress_tells_every_stage_and_every_judgement(data):
    seen = []
    report = compare("numpy", *data, settings=SMALL, many=0, progress=seen.append)
    assert tuple(p.judgement for p in seen if p.judgement is not None) == report.judgements
    stages = list(dict.fromkeys(p.stage for p in seen))
    assert stages[0] == "probes"
    assert stages[-1] == "free run"
    assert "iteration 4" in stages


def test_the_table_has_one_row_for_an_operation(report):
    rows = worst_rows(report.judgements)
    assert len({(r.layer, r.operation, r.output, r.iteration is None) for r in rows}) == len(rows)
    order = [r.name for r in rows if r.iteration is not None]
    assert order.index("layer 1, forward product") < order.index("layer 2, forward product")
    assert order.index("cost from logits") < order.index("layer 3, backward product dW")
    assert order.index("layer 3, backward product dW") < order.index("layer 1, update")


def test_a_free_run_that_comes_apart_is_explained(data):
    def last_place(call):
        result = call.right(*call.inputs)
        return result * (1 + np.finfo(result.dtype).eps)

    device = faulty_device(Fault("one place", "matmul", last_place, ()))
    run = compare(
        device, *data, settings=dataclasses.replace(SMALL, iterations=30), many=0
    ).free_run
    assert run.parts_at is not None
    assert not run.identical
    assert run.unexplained_at is None
    assert "as training amplifies it, explains" in run.sentence
    # A last place is not blown up to anything: ReLUs at exactly 0 stay there.
    assert max(run.explained) < 1e-3


def test_a_free_run_of_other_numbers_is_not_explained(data):
    def forget(call):
        return call.right(*call.inputs) * call.inputs[0].dtype.type(1.01)

    device = faulty_device(Fault("1 %", "matmul", forget, ()))
    run = compare(
        device, *data, settings=dataclasses.replace(SMALL, iterations=30), many=0
    ).free_run
    assert max(run.differences) > 0


def _with_last_layer_times(factor, state):
    parameters = state.parameters
    return state._replace(parameters={**parameters, "W3": parameters["W3"] * factor})


def drifting(step):
    """Multiply a parameter by 1.05 after more calls than a comparison makes outside of training."""
    calls = []

    def run(state, batch, row):
        calls.append(1)
        factor = np.float32(1.05 if len(calls) > 300 else 1.0)
        return _with_last_layer_times(factor, step(state, batch, row))

    return run


def test_a_run_that_goes_wrong_where_nothing_else_looks_is_not_called_rounding(data):
    device = faulty_device(Fault("drifts late", "compile", drifting, ()))
    settings = dataclasses.replace(SMALL, iterations=400)
    with registered(device):
        report = compare(device, *data, settings=settings, many=0)
    assert 300 < report.free_run.unexplained_at < 400
    # Nothing else differs by a bit, so it cannot be rounding.
    (wrong,) = report.wrong
    assert wrong.operation == "free run"
    assert wrong.reason.endswith("while no operation was seen to round otherwise")
    assert report.outcome == "wrong"


def test_runs_that_come_apart_beside_honest_rounding_are_not_decided(data, monkeypatch):
    def backwards(call):
        a, b = call.inputs
        return call.right(a[..., ::-1], b[::-1])

    rounding = faulty_device(Fault("another order", "matmul", backwards, ()))
    monkeypatch.setattr(
        rounding.backend,
        "repeat",
        faulty_device(Fault("", "compile", drifting, ())).backend.repeat,
    )
    settings = dataclasses.replace(SMALL, iterations=400)
    with registered(rounding):
        report = compare(rounding, *data, settings=settings, many=0)
    assert not report.wrong
    assert report.outcome == "could not be compared"
    assert report.headline.startswith("Undecided: rounding only, operation by operation")
    words = " ".join(meaning(report))
    assert "each trained on its own, differ by more" in words
    assert "neither side is more right" not in words


def test_a_long_stretch_that_stops_early_is_wrong(data):
    def short(repeated):
        return lambda state, batch, rows, times: repeated(state, batch, rows, min(times, 64))

    device = faulty_device(Fault("64 at most", "stretch", short, ()))
    report = compare(device, *data, settings=SMALL, many=0)
    assert report.outcome == "wrong"
    assert report.headline.startswith("Wrong at stretch of steps, plain, ")


def test_more_samples_than_features_need_no_products_of_samples():
    random = np.random.RandomState(0)
    X, Y = random.uniform(size=(2, 30_000)), random.randint(0, 2, (1, 30_000))
    settings = dataclasses.replace(SMALL, layers=(2,), hidden=("relu",), dtype="float32")
    report = compare("numpy", X, Y, settings=settings, many=0)  # K would have 7 GB
    assert report.outcome == "same numbers"
    assert not [j for j in report.judgements if "in the span" in j.operation]
    some = compare(
        "numpy",
        X[:, :5],
        Y[:, :5],
        settings=dataclasses.replace(settings, compress="on"),
        many=0,
    )
    assert [j for j in some.judgements if "in the span" in j.operation]


@pytest.mark.parametrize("on", ["compile", "stretch"])
def test_a_step_that_is_compiled_wrongly_in_the_free_run_alone_is_seen_there(data, on):
    compiled = []
    judged = 2  # those of both ways to hold layer 1

    def compiling(step):
        compiled.append(step)
        if len(compiled) <= judged:
            return step
        return lambda *arguments: _with_last_layer_times(np.float32(1.5), step(*arguments))

    device = faulty_device(Fault("compiled wrongly later", on, compiling, ()))
    with registered(device):
        report = compare(device, *data, settings=SMALL, many=0)
    assert len(compiled) > judged
    assert {j.verdict for j in report.judgements if j.operation != "free run"} == {"identical"}
    assert max(report.free_run.differences) > 1e-3


def test_parameters_that_come_apart_where_the_costs_do_not_are_not_explained(data):
    device = choose_device("numpy")
    x, y, start = _run_inputs(data)
    settings = dataclasses.replace(SMALL, iterations=30)
    run = train_on(device, Task(x, y, start, settings), (0, 1, 15, 30))
    other = dataclasses.replace(run, parameters={**run.parameters, 30: {**run.parameters[30]}})
    other.parameters[30]["W1"] = other.parameters[30]["W1"] * np.float32(1.001)
    accuracy = accuracy_of(device, np.dtype("float32"))
    found = compare_runs(other, run, (device, device), Task(x, y, start, settings), accuracy)
    assert found.parts_at is None
    assert found.unexplained_at == 30
    assert "more than rounding explains" in found.sentence


def test_the_free_run_takes_stretches_and_still_tells_the_middle(data):
    asked = []

    def listening(repeated):
        def run(state, batch, rows, times):
            asked.append(times)
            return repeated(state, batch, rows, times)

        return run

    device = faulty_device(Fault("none", "stretch", listening, ()))
    x, y, start = _run_inputs(data)
    settings = dataclasses.replace(SMALL, iterations=50)
    with registered(device):
        run = train_on(device, Task(x, y, start, settings), (0, 1, 25, 50))
    assert max(asked) > 3
    assert {0, 1, 25, 50} <= set(run.costs)
    assert set(run.parameters) == {0, 1, 25, 50}
    single = train_on(choose_device("numpy"), Task(x, y, start, settings), (0, 1, 25, 50))
    assert run.costs == single.costs


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_result_that_is_no_number_is_wrong(value):
    from portable_dnn.equivalence.exact.products import matrix_product
    from portable_dnn.equivalence.limits.accuracy import NUMPY

    A, B = np.eye(3, dtype=np.float32), np.ones((3, 2), np.float32)
    result = A @ B
    result[1, 1] = value
    truth = matrix_product(A, B, None, np.random.RandomState(0))
    finding = judge(result, truth, NUMPY)
    assert finding.verdict == "wrong"
    assert finding.errors.worst.index == (1, 1)


def test_a_side_that_diverges_alone_is_wrong(data):
    def huge(call):
        # Right in the probes, in lockstep and in the first steps; infinite in the last ones.
        call.memory["calls"] = call.memory.get("calls", 0) + 1
        result = call.right(*call.inputs)
        late = call.memory["calls"] > call.memory.setdefault("last", 10**9)
        return result * np.inf if late else None

    fault = Fault("explodes", "matmul", huge, ())
    counting = faulty_device(fault)
    compare(counting, *data, settings=SMALL, many=0)
    total = counting.backend.memory["calls"]
    exploding = faulty_device(fault)
    exploding.backend.memory["last"] = total - 30  # within the last steps
    report = compare(exploding, *data, settings=SMALL, many=0)
    assert report.outcome == "wrong"
    assert "free run" in report.headline


def test_large_products_are_judged_by_a_part(monkeypatch):
    from portable_dnn.equivalence.exact import products as exact_products
    from portable_dnn.equivalence.limits.accuracy import NUMPY

    monkeypatch.setattr(exact_products, "LARGEST_PRODUCT", 5000)
    random = np.random.RandomState(0)
    A, B = random.standard_normal((40, 50)), random.standard_normal((50, 30))
    truth = exact_products.matrix_product(A, B, None, random)
    assert 50 <= truth.where.size <= 100
    row = NUMPY
    assert judge(A @ B, truth, row).verdict == "rounding"
    result = A @ B
    place = np.unravel_index(truth.where[7], result.shape)
    result[place] += 1e-6
    finding = judge(result, truth, row)
    assert finding.verdict == "wrong"
    assert finding.errors.worst.index == place


def test_a_judge_that_cannot_multiply_does_not_judge(data, monkeypatch):
    from portable_dnn.equivalence.exact import pairs as precise

    monkeypatch.setattr(precise, "_slices", lambda x, bits: (x, x, x))
    report = compare("numpy", *data, settings=SMALL, many=0)
    assert report.outcome == "could not be compared"
    assert "the judge's own float64 arithmetic" in report.headline
