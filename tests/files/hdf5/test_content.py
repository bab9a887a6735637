"""HDF5 files that lead elsewhere, nest, or hold what is neither numbers nor text."""

import h5py
import numpy as np
import pytest

KINDS = {"data": "train_set_y", "model": "parameters/b1"}


@pytest.fixture(params=KINDS)
def replaced(request, changed, refused):
    """Return a function that puts something in the place of an array and gives the refusal."""

    def put(make):
        def change(file):
            name = KINDS[request.param]
            before = file[name][()]
            del file[name]
            make(file, name, before)

        return refused(changed(request.param, change))

    return put


def links(tmp_path):
    return {
        "soft": h5py.SoftLink("/elsewhere"),
        "external": h5py.ExternalLink(str(tmp_path / "other.h5"), "/x"),
    }


@pytest.mark.parametrize("kind", ["soft", "external"])
def test_links(replaced, tmp_path, kind):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = [0, 1, 0]
    said = replaced(lambda file, name, _: file.__setitem__(name, links(tmp_path)[kind]))
    assert "is a link to" in said


@pytest.mark.parametrize("kind", ["data", "model"])
def test_a_name_with_a_slash_is_not_followed_through_a_link(changed, refused, tmp_path, kind):
    # HDF5 forbids such names, but a file may hold one, and h5py would take it for a path.
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["W"] = np.zeros((3, 48))

    def change(file):
        group = file if kind == "data" else file["parameters"]
        group["ext"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/")
        group["ext@W"] = np.zeros(3)

    path = changed(kind, change)
    content = path.read_bytes()
    assert content.count(b"ext@W") == 1
    path.write_bytes(content.replace(b"ext@W", b"ext/W"))
    assert "holds a slash" in refused(path)


def test_external_storage(replaced, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(1000))

    def make(file, name, before):
        place = [(str(secret), 0, before.nbytes)]
        file.create_dataset(name, before.shape, before.dtype, external=place)

    assert "lies in another file" in replaced(make)


def test_virtual_array(replaced):
    def make(file, name, before):
        layout = h5py.VirtualLayout(before.shape, before.dtype)
        layout[:] = h5py.VirtualSource("other.h5", "x", before.shape)
        file.create_virtual_dataset(name, layout)

    assert "virtual array over other files" in replaced(make)


@pytest.mark.parametrize("kind", ["object", "region"])
def test_references(replaced, kind):
    def make(file, name, before):
        dtype = h5py.ref_dtype if kind == "object" else h5py.regionref_dtype
        array = file.create_dataset(name, before.shape, dtype)
        array[...] = file.ref if kind == "object" else array.regionref[:1]

    assert "holds neither numbers nor plain text" in replaced(make)


@pytest.mark.parametrize("kind", ["object", "region"])
def test_references_in_attributes(changed, refused, kind):
    def change(file):
        array = file["parameters/b1"]
        del file.attrs["image_shape"]
        file.attrs["image_shape"] = array.ref if kind == "object" else array.regionref[:1]

    said = refused(changed("model", change))
    assert "the attribute image_shape holds neither numbers nor plain text" in said


@pytest.mark.parametrize(
    "dtype",
    [
        h5py.vlen_dtype("f8"),
        np.dtype([("a", "f8"), ("b", "f8")]),
        np.dtype(("f8", (2,))),
        np.dtype("c16"),
        h5py.enum_dtype({"a": 0, "b": 1}),
        h5py.opaque_dtype(np.dtype("M8[s]")),
    ],
    ids=["vlen", "compound", "array", "complex", "enum", "opaque"],
)
def test_other_types(replaced, dtype):
    said = replaced(lambda file, name, before: file.create_dataset(name, before.shape, dtype))
    assert "holds neither numbers nor plain text" in said


def test_integers_of_five_bytes(replaced):
    def make(file, name, before):
        kind = h5py.h5t.STD_I64LE.copy()
        kind.set_size(5)
        space = h5py.h5s.create_simple(before.shape)
        group, _, key = name.rpartition("/")
        h5py.h5d.create((file[group] if group else file).id, key.encode(), kind, space)

    assert "unusual format" in replaced(make)


def test_floats_whose_bits_mean_something_else(replaced):
    def make(file, name, before):
        kind = h5py.h5t.IEEE_F64LE.copy()
        kind.set_ebias(1)
        space = h5py.h5s.create_simple(before.shape)
        group, _, key = name.rpartition("/")
        h5py.h5d.create((file[group] if group else file).id, key.encode(), kind, space)

    assert "unusual format" in replaced(make)


def test_text_of_variable_length(replaced):
    said = replaced(
        lambda file, name, before: file.create_dataset(name, before.shape, h5py.string_dtype())
    )
    assert "text of variable length" in said


# ---- nesting ------------------------------------------------------------------------------------


def test_a_group_within_itself(replaced):
    assert "is a group" in replaced(lambda file, name, _: file.__setitem__(name, file["/"]))


def test_a_cycle_beside_the_data_is_never_entered(changed, accepted):
    def change(file):
        file["loop"] = file["/"]

    accepted(changed("data", change))
    accepted(changed("model", change))


def test_deep_nesting_beside_the_data_is_never_entered(changed, accepted):
    def change(file):
        group = file
        for _ in range(3000):
            group = group.create_group("g")

    accepted(changed("data", change))


def test_deep_nesting_of_types(replaced):
    def make(file, name, before):
        kind = h5py.h5t.NATIVE_INT8
        for _ in range(300):
            kind = h5py.h5t.vlen_create(kind)
        space = h5py.h5s.create_simple(before.shape)
        group, _, key = name.rpartition("/")
        h5py.h5d.create((file[group] if group else file).id, key.encode(), kind, space)

    assert "holds neither numbers nor plain text" in replaced(make)
