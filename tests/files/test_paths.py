"""What a path leads to, and the sentence where it leads to nothing that is read."""

import os
import sys
from pathlib import Path

import pytest

from portable_dnn.errors import DataError, OutputError
from portable_dnn.files.atomic import check_writable
from portable_dnn.files.paths import existing_file, existing_folder

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rules for names")


def refusal(path, look=existing_file):
    with pytest.raises(DataError) as refused:
        look(path, "a book")
    return str(refused.value)


@pytest.mark.parametrize(
    "address",
    ["https://example.org/dog.png", "http://localhost:8000/m.h5?raw=true", "s3://bucket/data.h5"],
)
def test_a_web_address_is_shown_as_it_was_given(address):
    said = f"{address} is a web address; download it and give "
    assert refusal(address) == refusal(Path(address)) == f"{said}the path of a book"
    assert refusal(address, existing_folder) == f"{said}a book"
    with pytest.raises(OutputError, match="is a web address; name a file") as refused:
        check_writable(address)
    assert address in str(refused.value)


@posix
def test_a_folder_named_like_a_scheme_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c:", "x").mkdir(parents=True)
    assert existing_folder("c:/x", "a book") == Path("c:/x")
    assert refusal("c:/y") == "c:/y does not exist; give the path of a book"


@posix
def test_a_file_that_lies_where_a_web_address_points(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("https:").mkdir()
    Path("https:/a").touch()
    assert existing_file("https://a", "a book") == Path("https:/a")


@posix
def test_links(tmp_path):
    circle, second, broken = (tmp_path / name for name in ("circle", "second", "broken"))
    circle.symlink_to("second")
    second.symlink_to("circle")
    broken.symlink_to("gone/away")
    for look in (existing_file, existing_folder):
        for path in (circle, second):
            assert f"{path} is a link that leads back to itself; give " in refusal(path, look)
        assert f"{broken} is a link to gone{os.sep}away, which does not exist; give" in refusal(
            broken, look
        )


@posix
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("n" * 5000, "… is too long for a path; give "),
        ("a\0b", "holds a character that no path may have; give "),
    ],
)
def test_names_that_no_file_can_have(tmp_path, name, said):
    for look in (existing_file, existing_folder):
        assert said in refusal(tmp_path / name, look)


@pytest.mark.parametrize("nothing", ["", b"x", 3, None])
def test_what_is_no_path(nothing):
    for look in (existing_file, existing_folder):
        with pytest.raises(DataError, match=r"the path is .*a book"):
            look(nothing, "a book")


def test_an_address_of_a_file(tmp_path):
    assert "without file://" in refusal(f"file://{tmp_path}/x", existing_file)


def test_a_file_in_place_of_a_folder_on_the_way(tmp_path):
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / "x").endswith("does not exist; give the path of a book")


def test_a_folder_on_the_way_that_may_not_be_entered(tmp_path, monkeypatch):
    def denied(path, **more):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", denied)  # simulated: the superuser may enter everything
    for look in (existing_file, existing_folder):
        said = refusal(tmp_path / "x", look)
        assert said.endswith("x cannot be looked at: a folder on the way to it may not be entered")
