import numpy as np
import pytest
from PIL import Image

from portable_dnn.data import import_folder, pictures, read_dataset, write_dataset
from portable_dnn.errors import DataError, SettingError
from portable_dnn.machine import memory


def fill(folder, name, count, red=0):
    """Write `count` pictures whose green value is their number."""
    (folder / name).mkdir()
    for number in range(count):
        colour = (red, number, 0)
        Image.new("RGB", (5 + number, 7), colour).save(folder / name / f"{number:03}.png")


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path, "cat", 10, red=200)
    fill(tmp_path, "dog", 20)
    return tmp_path


def numbers(part, red):
    chosen = part.images[part.images[:, 0, 0, 0] == red]
    return sorted(chosen[:, 0, 0, 1].tolist())


def test_split_keeps_the_proportion(folder):
    dataset = import_folder(folder, size=6)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.source == str(folder)
    assert dataset.train.images.shape == (24, 6, 6, 3)
    assert dataset.train.labels.tolist() == [0] * 8 + [1] * 16
    assert dataset.test.labels.tolist() == [0] * 2 + [1] * 4
    assert dataset.test.labels.dtype == np.int64


def test_every_picture_is_in_one_set_with_its_label(folder):
    dataset = import_folder(folder, size=3)
    for red, count, label in ((200, 10, 0), (0, 20, 1)):
        train, test = numbers(dataset.train, red), numbers(dataset.test, red)
        assert sorted(train + test) == list(range(count))
        for part in (dataset.train, dataset.test):
            assert set(part.labels[part.images[:, 0, 0, 0] == red].tolist()) == {label}


def test_seed_decides_the_split(folder):
    first, again, other = (import_folder(folder, 3, seed=seed) for seed in (1, 1, 2))
    assert first.fingerprint() == again.fingerprint()
    assert numbers(first.test, 0) != numbers(other.test, 0)
    # Frozen: the legacy stream's permutations do not change.
    assert numbers(first.test, 200) == [2, 9]


def test_no_test_set(folder):
    dataset = import_folder(folder, 3, test_share=0)
    assert dataset.test is None
    assert len(dataset.train.labels) == 30


@pytest.mark.parametrize("name", ["non-cat", "not-cat", "no-cat", "Non-Cat"])
def test_negated_name_is_class_0(tmp_path, name):
    fill(tmp_path, "cat", 1)
    fill(tmp_path, name, 1)
    assert import_folder(tmp_path, 3, 0).class_names == (name, "cat")


def test_negated_name_that_sorts_first(tmp_path):
    fill(tmp_path, "zebra", 1)
    fill(tmp_path, "non-zebra", 1)
    assert import_folder(tmp_path, 3, 0).class_names == ("non-zebra", "zebra")


def test_hidden_and_loose_files_are_ignored(folder):
    (folder / ".cache").mkdir()
    (folder / "readme.txt").touch()
    (folder / "cat" / ".DS_Store.png").write_bytes(b"no picture")
    assert len(import_folder(folder, 3, 0).train.labels) == 30


def test_linked_subfolder_elsewhere_is_ignored(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b"):
        fill(folder, name, 1)
    fill(tmp_path, "c", 1)
    (folder / "c").symlink_to(tmp_path / "c")
    assert import_folder(folder, 3, 0).class_names == ("a", "b")


def test_through_hdf5(folder):
    dataset = import_folder(folder, 3)
    write_dataset(dataset, folder / "data.h5")
    assert read_dataset(folder / "data.h5").fingerprint() == dataset.fingerprint()


def refused(text, *arguments, **options):
    with pytest.raises(DataError) as caught:
        import_folder(*arguments, **options)
    assert str(caught.value) == text


def test_missing_folder(tmp_path):
    path = tmp_path / "no"
    refused(f"{path} does not exist; give a folder with one subfolder for each class", path)


def test_file_for_a_folder(tmp_path):
    path = tmp_path / "file"
    path.touch()
    refused(f"{path} is not a folder; give a folder with one subfolder for each class", path)


def test_one_subfolder(tmp_path):
    fill(tmp_path, "cat", 1)
    refused(
        f"the folder {tmp_path} must have exactly two subfolders, one for each class; found 1: cat",
        tmp_path,
    )


def test_no_subfolder(tmp_path):
    with pytest.raises(DataError, match="found 0: none"):
        import_folder(tmp_path)


def test_three_subfolders(folder):
    fill(folder, "fox", 1)
    with pytest.raises(DataError, match="found 3: cat, dog, fox"):
        import_folder(folder)


def test_empty_subfolder(tmp_path):
    fill(tmp_path, "cat", 1)
    fill(tmp_path, "dog", 0)
    refused(f"the folder {tmp_path / 'dog'} holds no JPEG, PNG, WebP or BMP pictures", tmp_path)


def test_unreadable_picture_is_named(folder):
    bad = folder / "dog" / "bad.jpg"
    bad.write_bytes(b"no picture")
    refused(f"{bad} is not a JPEG, PNG, WebP or BMP picture", folder)


@pytest.mark.parametrize("share", [-0.1, 1.0, 2, float("nan")])
def test_bad_share(folder, share):
    refused(
        f"the test share is {share}; it must be 0 or more and less than 1",
        folder,
        test_share=share,
    )


def test_nothing_left_to_train_on(tmp_path):
    fill(tmp_path, "cat", 1)
    fill(tmp_path, "dog", 9)
    refused(
        f"the folder {tmp_path / 'cat'} has 1 pictures, and with a test share of 0.9 none is left "
        "to train on; add pictures or lower the share",
        tmp_path,
        test_share=0.9,
    )


def test_bad_size(folder):
    with pytest.raises(DataError, match="cannot be resized to 0 x 0; use at least 1 x 1"):
        import_folder(folder, size=0)


def test_pictures_that_do_not_fit_in_memory_are_refused_before_one_is_read(folder):
    with pytest.raises(DataError, match=r"30 pictures of 1000000 x 1000000 make 90,000.0 GB"):
        import_folder(folder, size=1_000_000)


def test_bad_seed(folder):
    with pytest.raises(SettingError, match="the seed is -1; a whole number from 0"):
        import_folder(folder, seed=-1)


def spoil(folder):
    """Put pictures into both classes that cannot be read, for different reasons."""
    bad = [folder / name for name in ("cat/a.png", "cat/zz.bmp", "dog/cut.png", "dog/web.jpg")]
    bad[0].touch()
    Image.new("L", (3, 3)).save(bad[1], format="TIFF")
    Image.effect_noise((40, 40), 90).save(bad[2])
    bad[2].write_bytes(bad[2].read_bytes()[:-700])
    bad[3].write_text("<!doctype html>", encoding="utf-8")
    return bad


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_all_bad_pictures_are_named_at_once_whatever_set_they_fall_into(folder, share):
    """Those that the header gives away, and those that only decoding does."""
    bad = spoil(folder)
    with pytest.raises(DataError) as raised:
        import_folder(folder, test_share=share)
    assert str(raised.value).startswith("4 of 34 pictures cannot be used: ")
    assert [str(path) in str(raised.value) for path in bad] == [True] * 4
    assert str(raised.value).endswith("; take them away, or leave them out with --skip-bad")


def test_all_damaged_pictures_are_named_at_once(folder):
    cut = [folder / "cat" / "001.png", folder / "dog" / "004.png"]
    for path in cut:
        Image.effect_noise((40, 40), 90).save(path)
        path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(DataError, match=r"^2 of 30 pictures cannot be used: ") as raised:
        import_folder(folder)
    assert all(f"{path} is a damaged picture" in str(raised.value) for path in cut)


def test_so_many_are_named_that_a_message_ends(folder):
    for number in range(150):
        (folder / "cat" / f"x{number}.jpg").touch()
    with pytest.raises(DataError, match=r"^150 of 180 .*; and 50 more; take them away"):
        import_folder(folder)


@pytest.mark.parametrize("seed", [1, 2])
def test_left_out_on_request_is_as_if_it_were_not_there(folder, seed):
    whole = import_folder(folder, 5, seed=seed)
    bad = spoil(folder)
    found = import_folder(folder, 5, seed=seed, skip_bad=True)
    assert found.fingerprint() == whole.fingerprint()
    told = [note for note in found.notes if note.startswith("left out: ")]
    assert [str(path) in note for path, note in zip(bad, told, strict=True)] == [True] * 4


def test_a_class_of_bad_pictures_only(tmp_path):
    fill(tmp_path, "cat", 3)
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "a.png").touch()
    with pytest.raises(DataError, match=r"no picture in the folder .*dog can be read"):
        import_folder(tmp_path, skip_bad=True)


def test_the_reader_tells_how_far_it_is(folder):
    told = []
    import_folder(folder, 4, look=lambda done, total: told.append((done, total)))
    assert told == [(number, 30) for number in range(1, 31)]


@pytest.fixture
def nothing_decoded(monkeypatch):
    def decode(*_arguments):
        raise AssertionError("a picture was decoded")

    monkeypatch.setattr(pictures, "_upright_rgb", decode)


@pytest.mark.usefixtures("nothing_decoded")
def test_what_can_be_known_is_said_before_the_first_picture_is_decoded(folder, monkeypatch):
    (folder / "cat").rename(folder / "c\nat")
    with pytest.raises(DataError, match="class name"):
        import_folder(folder)
    (folder / "c\nat").rename(folder / "cat")
    monkeypatch.setattr(memory, "free_host_memory", lambda: 300_000_000)
    with pytest.raises(DataError, match="30 pictures of 2000 x 2000 make"):
        import_folder(folder, 2000)
    (folder / "dog" / "late.png").touch()
    with pytest.raises(DataError, match=r"late.png is not a"):
        import_folder(folder)
    (folder / "dog" / "late.png").unlink()
    Image.new("1", (6000, 5000)).save(folder / "dog" / "large.png")
    with pytest.raises(DataError, match=r"large.png makes, when it is decoded, 360.0 MB of data"):
        import_folder(folder, 8)
