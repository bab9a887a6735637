"""Writing whole or not at all."""

import errno
import os
import re
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from portable_dnn.errors import OutputError, UnsavedError
from portable_dnn.files.atomic import (
    check_distinct,
    check_writable,
    remove_leftovers,
    replace_bytes,
    temporary_beside,
    write_atomically,
    write_somewhere,
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old", encoding="utf-8")
    return path


def write(path, text="new"):
    with write_atomically(path) as file:
        file.write(text.encode())


def test_replaces(path):
    write(str(path))
    assert path.read_text("utf-8") == "new"
    assert list(path.parent.iterdir()) == [path]


def test_creates(tmp_path):
    write(tmp_path / "fresh")
    assert (tmp_path / "fresh").read_text("utf-8") == "new"


def test_nobody_sees_half_a_file(path):
    with write_atomically(path) as file:
        file.write(b"half")
        file.flush()
        (other,) = set(path.parent.iterdir()) - {path}  # a rename between file systems is a copy
        assert other.read_bytes() == b"half"
        assert path.read_text("utf-8") == "old"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_whatever_is_raised_is_passed_on(path, error):
    def crash():
        with write_atomically(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        crash()
    assert path.read_text("utf-8") == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_failure_of_the_system_is_an_output_error(path, monkeypatch, name):
    def fail(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if name == "fsync" else type(path), name, fail)
        with pytest.raises(OutputError, match=r"^cannot write .*: No space left on device$"):
            write(path)
    assert path.read_text("utf-8") == "old"
    assert list(path.parent.iterdir()) == [path]


def test_the_data_are_flushed_before_the_name_changes(path, monkeypatch):
    order = []
    fsync, replace = os.fsync, type(path).replace

    def flush(descriptor):
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def rename(self, target):
        order.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(type(path), "replace", rename)
    write(path)
    assert order == ["file", "rename", *(["folder"] if os.name != "nt" else [])]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_permissions_are_those_of_any_new_file(path, mask, mode):
    before = os.umask(mask)
    try:
        write(path)
        assert os.umask(mask) == mask  # left as it was
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_bytes_are_replaced_in_the_same_order(path, monkeypatch):
    order = []
    calls = {name: getattr(os, name) for name in ("write", "fsync", "replace")}

    def watch(name):
        def call(*arguments):
            order.append(name)
            return calls[name](*arguments)

        return call

    for name in calls:
        monkeypatch.setattr(os, name, watch(name))
    replace_bytes(path, b"new", temporary_beside(path))
    assert path.read_bytes() == b"new"
    assert order == ["write", "fsync", "replace", *(["fsync"] if os.name != "nt" else [])]
    assert list(path.parent.iterdir()) == [path]


def test_bytes_that_are_taken_in_parts(path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    replace_bytes(path, bytes(range(256)), temporary_beside(path))
    assert path.read_bytes() == bytes(range(256))


@pytest.mark.parametrize("name", ["open", "write", "fsync", "replace"])
def test_bytes_that_cannot_be_written(path, monkeypatch, name):
    def fail(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        with pytest.raises(OSError, match="No space left"):
            replace_bytes(path, b"new", temporary_beside(path))
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_somebody_has_put_in_the_place_of_a_temporary_stays(path, kind):
    victim = path.with_name("victim")
    victim.write_bytes(b"precious")
    temporary = temporary_beside(path)
    if kind == "link":
        temporary.symlink_to(victim)
    else:
        victim.rename(temporary)
    with pytest.raises(FileExistsError):
        replace_bytes(path, b"new", temporary)
    assert temporary.read_bytes() == b"precious"
    assert path.read_bytes() == b"old"


def test_a_temporary_is_opened_once_and_written_through_that(path):
    """Whoever may write into the folder can swap the name, but not what is open."""
    victim = path.with_name("victim")
    victim.write_bytes(b"precious")
    with write_atomically(path) as file:
        (temporary,) = set(path.parent.iterdir()) - {path, victim}
        temporary.unlink()
        temporary.symlink_to(victim)
        file.write(b"new")
    assert victim.read_bytes() == b"precious"


def test_another_users_file_in_a_sticky_folder_is_refused(path, monkeypatch):
    if not hasattr(os, "geteuid"):
        pytest.skip("this system has no such folders")
    path.parent.chmod(0o1777)
    check_writable(path)  # ours
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    check_writable(path.with_name("new"))
    with pytest.raises(OutputError, match="it is another user's"):
        check_writable(path)
    path.parent.chmod(0o777)
    check_writable(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_what_is_saved_elsewhere_is_as_private_as_can_be(path, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("elsewhere")))

    def refuse_here(target):
        if target == path:
            raise OutputError("cannot write it")
        target.write_bytes(b"secret")

    with pytest.raises(UnsavedError) as said:
        write_somewhere(path, refuse_here, "the thing")
    found = re.fullmatch(r"cannot write it; the thing was saved to (.+) instead", str(said.value))
    saved = Path(found[1])
    assert saved.read_bytes() == b"secret"
    assert saved.name == path.name
    assert stat.S_IMODE(saved.parent.stat().st_mode) == 0o700


def test_what_cannot_be_saved_anywhere_leaves_nothing(path, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))

    def refuse(target):
        raise OutputError(f"cannot write {target}")

    with pytest.raises(UnsavedError, match=r"the thing could not be saved elsewhere either: "):
        write_somewhere(path, refuse, "the thing")
    assert not any(elsewhere.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(elsewhere / "missing"))
        with pytest.raises(UnsavedError, match=r"saved elsewhere either: .*No such file"):
            write_somewhere(path, refuse, "the thing")


@pytest.mark.skipif(os.name == "nt", reason="Windows flushes no folders")
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EACCES])
def test_a_folder_that_cannot_be_flushed_takes_files_all_the_same(path, monkeypatch, number):
    flush = os.fsync

    def refuse(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    write(path)
    assert path.read_text("utf-8") == "new"
    replace_bytes(path, b"newer", temporary_beside(path))
    assert path.read_bytes() == b"newer"
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_program_left_is_removed(path):
    others = [path.with_name("kept"), temporary_beside(path.with_name("other"))]
    just_now = temporary_beside(path)  # another program may be writing it
    for left in (temporary_beside(path), temporary_beside(path), just_now, *others):
        left.write_bytes(b"half")
        if left != just_now:
            os.utime(left, (0.0, 0.0))
    remove_leftovers(path)
    assert sorted(path.parent.iterdir()) == sorted([path, just_now, *others])


def test_what_was_left_goes_when_the_file_is_written_again(path):
    left, link = temporary_beside(path), path.parent / "link"
    left.write_bytes(b"half")
    os.utime(left, (0.0, 0.0))
    link.symlink_to(path)
    write(link)
    assert sorted(path.parent.iterdir()) == sorted([path, link])


# ---- what is found beforehand -------------------------------------------------------------------


def refused(path, text):
    for function in (check_writable, write):
        with pytest.raises(OutputError) as caught:
            function(path)
        assert str(caught.value) == text


def test_no_folder(tmp_path):
    path = tmp_path / "missing" / "x"
    refused(path, f"cannot write {path}: the folder {path.parent} does not exist; create it first")


def test_a_file_for_a_folder(path):
    wrong = path / "x"
    refused(wrong, f"cannot write {wrong}: the folder {path} is not a folder; create it first")


def test_a_folder_for_a_file(tmp_path):
    refused(tmp_path, f"cannot write {tmp_path}: it is a folder; name a file in it")


def test_a_folder_that_takes_no_file(path, monkeypatch):
    def fail(*_arguments, **_options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", fail)
    refused(path, f"cannot write {path}: Permission denied")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other limits")
def test_a_name_that_is_too_long(tmp_path):
    for path in (tmp_path / ("x" * 5000), tmp_path / ("x" * 5000) / "y"):
        with pytest.raises(OutputError):
            check_writable(path)


def test_a_link_is_followed(path):
    link = path.parent / "link"
    link.symlink_to(path)
    write(link)
    assert link.is_symlink()
    assert path.read_text("utf-8") == "new"
    assert check_writable(link) == path.resolve()


def test_a_link_to_itself(tmp_path):
    link = tmp_path / "loop"
    link.symlink_to(link)
    refused(link, f"cannot write {link}: it is a link that leads back to itself")
    with pytest.raises(OutputError, match="is also DATA"):
        check_distinct({"--out": link}, {"DATA": link})


def test_outputs_and_inputs_are_distinct(path):
    other, alias = path.parent / "other", path.parent / "." / "result.txt"
    check_distinct({"--out": other, "--history": None}, {"DATA": path, "--test": path})
    for outputs, inputs in (
        ({"--out": alias}, {"DATA": path}),
        ({"--out": path, "--history": alias}, {}),
    ):
        with pytest.raises(OutputError, match=r"is also .*; name another file$"):
            check_distinct(outputs, inputs)


def test_checking_leaves_nothing(path):
    assert check_writable(path) == path
    assert check_writable(str(path.parent / "fresh")) == path.parent / "fresh"
    assert path.read_text("utf-8") == "old"
    assert list(path.parent.iterdir()) == [path]
