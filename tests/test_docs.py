"""What README and docs name exists: modules, files, links, headings and words of the glossary."""

import importlib
import re
from pathlib import Path

import pytest

from portable_dnn.arrays.devices import choose_device
from portable_dnn.data import builtin_dataset
from portable_dnn.models.checks import describe
from portable_dnn.results.experiment import run
from portable_dnn.training.settings import Settings

ROOT = Path(__file__).parents[1]
GLOSSARY = "docs/glossary.md"
PAGES = [
    *("README.md", "SECURITY.md", "CONTRIBUTING.md"),
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]
# Pages for people who use the program; docs/design.md is for those who change it.
GUIDES = [page for page in PAGES if page not in (GLOSSARY, "CONTRIBUTING.md", "docs/design.md")]

FOLDERS = ("portable_dnn", "backends", "plugins", "tests", "docs", "benchmarks")
FOLDERS += ("examples", "fuzz", "scripts")
_ANY = "|".join(FOLDERS)
PATH = re.compile(rf"(?<![\w./-])(?:{_ANY})/[\w./*-]*")
FILE_NAME = re.compile(r"`(\w+\.py)`")
MODULE_PATH = re.compile(r"python3? -m ((?:tests|benchmarks|fuzz)(?:\.\w+)*)")
DOTTED = re.compile(r"(?<![\w./-])portable_dnn(?:\.[A-Za-z_]\w*)+")
IMPORTED = re.compile(r"^from (portable_dnn[\w.]*) import ([\w, ]+)$", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# A file that a command of the page writes, and no part of the repository.
WRITTEN = re.compile(r"--out \S+")
ENTRY_POINTS = "portable_dnn.backends"  # a group of entry points, and no module
# Words of the glossary that a page must not use without a link to their entry.
TERMS = ("ladder", "lockstep", "probe", "free run", "spread", "span", "ulp", "flush", "soak")


def text_of(page):
    return (ROOT / page).read_text("utf-8")


def prose_of(page):
    """Return a page without code, link targets and what the benchmarks write into it."""
    text = re.sub(r"<!-- (\w+):begin -->.*?<!-- \1:end -->", "", text_of(page), flags=re.DOTALL)
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`", "", text)
    return LINK.sub(lambda link: link.group(0).partition("](")[0], text)


def paths_in(text):
    """Return the paths of this repository that a text names."""
    return {path.rstrip(".") for path in PATH.findall(WRITTEN.sub("", text))}


def python_files():
    """Return the names of all Python files of the repository."""
    found = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    return found | {path.name for path in ROOT.glob("*.py")}


def is_there(path):
    """Whether a path of the repository, which may have a star, exists."""
    return any(ROOT.glob(path.rstrip("/"))) if "*" in path else (ROOT / path).exists()


def resolves(name):
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def anchors_of(text):
    """Return the anchors of a page's headings, as they are made where it is shown."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page, target):
    """Say why a link of a page leads nowhere, or nothing if it leads somewhere."""
    if re.match(r"[a-z]+:", target):
        return ""  # another site
    path, _, anchor = target.partition("#")
    goal = (ROOT / page).parent / path if path else ROOT / page
    if not goal.exists():
        return f"{target}: no such file"
    if anchor and anchor not in anchors_of(goal.read_text("utf-8")):
        return f"{target}: no such heading"
    return ""


@pytest.mark.parametrize("page", PAGES)
def test_every_path_exists(page):
    text = text_of(page)
    assert [path for path in sorted(paths_in(text)) if not is_there(path)] == []
    assert set(FILE_NAME.findall(text)) <= python_files()


@pytest.mark.parametrize("page", PAGES)
def test_every_dotted_name_exists(page):
    text = text_of(page)
    names = set(DOTTED.findall(text)) - {ENTRY_POINTS} | set(MODULE_PATH.findall(text))
    for module, imported in IMPORTED.findall(text):
        names |= {f"{module}.{name.split()[0]}" for name in imported.split(",")}
    assert [name for name in sorted(names) if not resolves(name)] == []


def test_the_group_of_entry_points_is_the_one_in_use():
    assert f'entry-points."{ENTRY_POINTS}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_the_page_of_the_model_file_names_every_key():
    told = set(re.findall(r"^\| `(\w+)` \|", text_of("docs/model_file.md"), re.MULTILINE))
    device = choose_device("cpu")
    made = run(builtin_dataset(), Settings(layers=(), iterations=1), device).model
    described = describe(made, "m.h5")
    assert told == set(described) | set(described["provenance"])
    settings = text_of("docs/model_file.md").partition("| `settings` |")[2].splitlines()[0]
    assert set(re.findall(r"`(\w+)`", settings)) - {"Settings"} == set(made.provenance["settings"])


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    reasons = [broken(page, target) for target in LINK.findall(text_of(page))]
    assert [reason for reason in reasons if reason] == []


@pytest.mark.parametrize("page", GUIDES)
def test_a_page_that_uses_a_word_of_the_glossary_links_to_it(page):
    links = {target.rpartition("/")[2] for target in LINK.findall(text_of(page))}
    used = [term for term in TERMS if re.search(rf"\b{term}(?:s|ed)?\b", prose_of(page), re.I)]
    missing = [term for term in used if f"glossary.md#{term.replace(' ', '-')}" not in links]
    assert missing == []


def test_the_glossary_explains_every_word_once_and_in_order():
    entries = re.findall(r"^## (.+)$", text_of(GLOSSARY), re.MULTILINE)
    assert {entry.lower() for entry in entries} >= set(TERMS)
    assert entries == sorted(set(entries), key=str.lower)


def test_wrong_names_paths_and_links_are_found():
    assert not is_there("portable_dnn/step.py")
    assert not is_there("tests/nowhere/test_*.py")
    assert is_there("backends/portable_dnn_*.py")
    assert not resolves("portable_dnn.isolated_readers_of_old")
    assert not resolves("portable_dnn.arrays.contract.Nothing")
    assert resolves("portable_dnn.arrays.contract.Backend")
    assert paths_in("see `docs/x.md`, portable_dnn/y.py. --out docs/z.json") == {
        "docs/x.md",
        "portable_dnn/y.py",
    }
    assert broken("README.md", "docs/nowhere.md") == "docs/nowhere.md: no such file"
    assert broken("README.md", "#nowhere") == "#nowhere: no such heading"
    assert broken("README.md", f"{GLOSSARY}#free-run") == ""
