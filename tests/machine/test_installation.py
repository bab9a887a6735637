"""The command that installs an extra is one that works where the program came from."""

import json
from importlib import metadata
from types import SimpleNamespace

import pytest

from portable_dnn.machine.installation import install_command


def noted(monkeypatch, text):
    distribution = SimpleNamespace(read_text=lambda name: text)
    monkeypatch.setattr(metadata, "distribution", lambda name: distribution)


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        ({"url": "file://{}", "dir_info": {}}, '"{}[torch]"'),
        ({"url": "file://{}", "dir_info": {"editable": True}}, '-e "{}[torch]"'),
        ({"url": "file://{}/gone", "dir_info": {}}, '"portable-dnn[torch]"'),
        ({"url": "file://{}", "archive_info": {}}, '"{}[torch]"'),
        (
            {"url": "https://example.org/r.git", "vcs_info": {"vcs": "git"}},
            '"portable-dnn[torch] @ git+https://example.org/r.git"',
        ),
        ({}, '"portable-dnn[torch]"'),
        ([1], '"portable-dnn[torch]"'),
    ],
)
def test_from_where_it_came(monkeypatch, tmp_path, origin, command):
    clone = tmp_path / "my clone"
    clone.mkdir()
    noted(monkeypatch, json.dumps(origin).replace("//{}", f"//{clone}".replace(" ", "%20")))
    expected = command.replace("{}", str(clone))
    assert install_command("torch") == f"python -m pip install {expected}"


@pytest.mark.parametrize("text", [None, "", "no JSON"])
def test_without_a_note_it_came_from_an_index(monkeypatch, text):
    noted(monkeypatch, text)
    assert install_command("jax") == 'python -m pip install "portable-dnn[jax]"'


def test_what_is_not_installed_came_from_an_index(monkeypatch):
    def distribution(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", distribution)
    assert install_command("jax") == 'python -m pip install "portable-dnn[jax]"'
