"""Documented paths of before still lead to what has moved, and say where it is now."""

from importlib import import_module

import pytest

MOVED = {
    "backend": ("Backend", "portable_dnn.arrays.contract"),
    "devices": ("place", "portable_dnn.arrays.devices"),
    "isolated_readers": ("read_dataset_isolated", "portable_dnn.isolation.readers"),
    "registry": ("get_backend", "portable_dnn.arrays.registry"),
    "settings": ("Settings", "portable_dnn.training.settings"),
    "store": ("load_model", "portable_dnn.models.store"),
    "stretch": ("one_by_one", "portable_dnn.arrays.contract_1"),
}


@pytest.mark.parametrize("old", MOVED)
def test_an_old_path_leads_to_the_new_one(old):
    name, new = MOVED[old]
    module = import_module(f"portable_dnn.{old}")
    said = rf"portable_dnn\.{old} is now {new}; the old path goes with the next release"
    with pytest.warns(DeprecationWarning, match=said):
        found = getattr(module, name)
    assert found is getattr(import_module(new), name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing


def test_the_names_of_the_first_contract_are_those_of_then():
    old = import_module("portable_dnn.backend")
    with pytest.warns(DeprecationWarning, match="contract_1"):
        assert old.Stretch is import_module("portable_dnn.arrays.contract_1").Stretch
