import numpy as np
import pytest
from PIL import Image

from portable_dnn.data import import_folder, read_dataset, write_dataset
from portable_dnn.errors import DataError, SettingError


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
