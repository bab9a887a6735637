"""Files that release 0.1 wrote: its checkpoints are gone on from, its models are loaded.

`release_0_1/` was made by that release with `train data.h5 --layers 4,3 --iterations 60
--learning-rate 0.05 --out MODEL --checkpoint-every 20` and the options of `RUNS`; `model.h5` is
what it ended with.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from portable_dnn.models.store import load_model
from portable_dnn.training.settings import Settings, as_of_today, without_later

FILES = Path(__file__).with_name("release_0_1")
SETTINGS = (  # that release 0.1 knew
    *("layers", "hidden", "initialization", "seed"),
    *("learning_rate", "iterations", "dtype", "compress"),
)
RUNS = {
    "span": ["--compress", "on"],
    "weights": ["--compress", "off", "--dtype", "float32", "--hidden", "tanh,leaky_relu:0.2"],
}


@pytest.mark.parametrize("run", RUNS)
def test_a_checkpoint_is_gone_on_from(tmp_path, monkeypatch, run):
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    (checkpoint,) = Path(run).glob("*.checkpoint-*")
    before = load_model(f"{run}/model.h5", device="cpu").parameters
    Path(f"{run}/model.h5").unlink()
    arguments = ["--layers=4,3", "--iterations=60", "--learning-rate=0.05", *RUNS[run]]
    command = [sys.executable, "-m", "portable_dnn", "train", "data.h5", *arguments, "--resume"]
    done = subprocess.run(
        [*command, "--device=cpu", f"--out={run}/model.h5"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{checkpoint}: 40 of 60 iterations are done" in done.stdout
    after = load_model(f"{run}/model.h5", device="cpu").parameters
    assert list(after) == list(before)
    # The bits where the libraries are those of then; 20 steps of rounding apart elsewhere.
    for name, array in before.items():
        bound = 100 * np.finfo(array.dtype).eps
        np.testing.assert_allclose(after[name], array, rtol=0, atol=bound, err_msg=name)


@pytest.mark.parametrize("name", ["span/model.h5", "span/model.safetensors", "weights/model.h5"])
def test_a_model_is_loaded(name):
    model = load_model(FILES / name, device="cpu")
    assert model.layer_dims == (192, 4, 3, 1)
    settings = as_of_today(model.provenance["settings"])
    assert settings["optimizer"] == "gradient_descent"
    settings |= {name: tuple(settings[name]) for name in ("layers", "hidden")}
    assert Settings(**settings).learning_rate == 0.05


def test_a_later_setting_makes_no_run_another():
    """A file without it is of a run that was made as if it had its first default."""
    written = Settings().as_dict()
    of_then = {name: written[name] for name in SETTINGS}
    assert as_of_today(of_then) == written
    assert without_later(written) == of_then
    other = {**written, "optimizer": "momentum:0.9"}
    assert as_of_today(other) == without_later(other) == other
