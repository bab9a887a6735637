"""`portable-dnn train --history`: the run as strict JSON."""

import json
import math
import re
import sys

import numpy as np
import pytest


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def history(succeeds, data, folder, device):
    arguments = ["train", data, "--layers", "3,2", "--hidden", "relu,tanh", "--iterations", 150]
    arguments += ["--device", device, "--history", "a history.json"]
    outcome = succeeds(*arguments)
    return strict((folder / "a history.json").read_text("utf-8")), outcome


def test_every_promised_field(history, data, device):
    content, outcome = history
    assert content["iteration"] == [0, 100]
    assert [f"{cost:.6f}" for cost in content["cost"]] == re.findall(
        r"cost after iteration +\d+: (\S+)", outcome.out
    )
    assert content["final_cost"] == pytest.approx(content["training"]["cost"], rel=1e-12)
    assert isinstance(content["compressed"], bool)
    assert f"sha256 {content['start_hash']}\n" in outcome.out
    assert content["backend"] == device.split(":")[0]
    assert content["device"] == device
    assert content["dtype"] == "float64"
    assert content["layer_dims"] == [48, 3, 2, 1]
    assert 0 < content["seconds"] < 600
    assert content["command"] == (
        f"portable-dnn train {data} --layers 3,2 --hidden relu,tanh --iterations 150 "
        f"--device {device} --history 'a history.json'"
    )
    assert content["settings"] == {
        "layers": [3, 2],
        "hidden": ["relu", "tanh"],
        "optimizer": "gradient_descent",
        "initialization": "lecun",
        "seed": 1,
        "learning_rate": 0.0075,
        "iterations": 150,
        "dtype": "float64",
        "compress": "auto",
    }
    assert content["data"]["source"] == str(data)
    assert re.fullmatch("[0-9a-f]{64}", content["data"]["sha256"])


def test_accuracies_are_those_of_the_table(history):
    content, outcome = history
    for name, number in (("training", 8), ("test", 4)):
        found = content[name]
        assert found["pictures"] == number
        assert found["accuracy"] == (number - found["wrong"]) / number
        row = rf"^{name} +{number} +{found['wrong']} +{found['accuracy']:.4f} +{found['cost']:.6f}$"
        assert re.search(row, outcome.out, re.MULTILINE)


def test_versions(history):
    versions = history[0]["versions"]
    assert versions["python"] == sys.version.split()[0]
    assert versions["numpy"] == np.__version__
    assert {"portable_dnn", "platform", "array-api-compat"} <= set(versions)
    assert all(isinstance(value, str) and value for value in versions.values())


def test_diagnostics(history):
    content, _ = history
    for shares in content["dead_share"]:
        relu, tanh = shares
        assert 0.0 <= relu <= 1.0
        assert tanh is None
    assert len(content["dead_share"]) == len(content["gradient_norm"]) == 2
    for norms in content["gradient_norm"]:
        assert sorted(norms) == ["W1", "W2", "W3", "b1", "b2", "b3"]
        assert all(math.isfinite(norm) and norm >= 0 for norm in norms.values())
        assert norms["W3"] > 0


def test_without_test_pictures(succeeds, make_data, folder):
    succeeds("train", make_data(test=0), "--iterations", 1, "--history", "h.json")
    assert strict((folder / "h.json").read_text("utf-8"))["test"] is None


def test_the_start_hash_is_the_same_on_every_device(succeeds, data, folder, device):
    hashes = set()
    for where in (device, "cpu"):
        succeeds(
            *("train", data, "--iterations", 1, "--device", where, "--history", "h.json", "-q")
        )
        hashes.add(strict((folder / "h.json").read_text("utf-8"))["start_hash"])
    assert len(hashes) == 1
