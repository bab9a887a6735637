"""What a container or a batch queue leaves a process of memory."""

import sys

import psutil
import pytest

from portable_dnn.machine import memory
from portable_dnn.machine.cgroups import cgroup_memory_left

V1, V2 = "4:memory:/job/task\n1:cpu:/\n", "0::/job/task\n"


@pytest.fixture
def system(tmp_path):
    """Return a function that makes the kernel's files: what groups there are, and their content."""

    def make(groups, files):
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
        for name, text in files.items():
            path = tmp_path / "sys" / "fs" / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return tmp_path

    return make


def version_2(folder, limit, used, cached=0):
    return {
        f"{folder}memory.max": limit,
        f"{folder}memory.current": used,
        f"{folder}memory.stat": f"anon 7\ninactive_file {cached}\nactive_file 9",
    }


def version_1(folder, limit, used, cached=0):
    return {
        f"memory/{folder}memory.limit_in_bytes": limit,
        f"memory/{folder}memory.usage_in_bytes": used,
        f"memory/{folder}memory.stat": f"inactive_file 1\ntotal_inactive_file {cached}",
    }


@pytest.mark.parametrize(("groups", "files"), [(V1, version_1), (V2, version_2)])
def test_limit_less_usage_plus_what_is_cached(system, groups, files):
    assert cgroup_memory_left(system(groups, files("job/task/", 1000, 300, 50))) == 750


@pytest.mark.parametrize(("groups", "files"), [(V1, version_1), (V2, version_2)])
def test_the_least_of_a_group_and_those_above_counts(system, groups, files):
    there = {**files("job/task/", 1000, 300), **files("job/", 500, 400), **files("", 10**6, 10)}
    assert cgroup_memory_left(system(groups, there)) == 100


@pytest.mark.parametrize(("groups", "files"), [(V1, version_1), (V2, version_2)])
def test_in_a_container_only_the_top_is_seen(system, groups, files):
    assert cgroup_memory_left(system(groups, files("", 1000, 300))) == 700


@pytest.mark.parametrize(
    ("groups", "files", "left"),
    [
        ("", {}, sys.maxsize),
        (V2, {}, sys.maxsize),
        (V2, version_2("", "max", 300), sys.maxsize),
        (V2, version_2("", "x" * 9, 300), sys.maxsize),
        (V2, {"memory.max": 1000}, sys.maxsize),
        ("1:cpu:/\n", version_1("", 1000, 300), sys.maxsize),
        (V2, version_2("", 1000, 1300), 0),
    ],
)
def test_no_limit_and_none_left(system, groups, files, left):
    assert cgroup_memory_left(system(groups, files)) == left


def test_the_least_counts(monkeypatch):
    left = {"cgroup_memory_left": 3 * 10**6, "address_space_left": 2 * 10**6}
    for name, value in left.items():
        monkeypatch.setattr(memory, name, lambda value=value: value)
    assert memory.free_host_memory() == 2 * 10**6
    monkeypatch.setattr(memory, "address_space_left", lambda: sys.maxsize)
    assert memory.free_host_memory() == 3 * 10**6
    monkeypatch.setattr(memory, "cgroup_memory_left", lambda: sys.maxsize)
    assert memory.free_host_memory() < psutil.virtual_memory().total
