"""Which module imports which, read from the source: circles, and imports of a room above."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

TOP = "portable_dnn"
BACKENDS = "backends"


class Import(NamedTuple):
    """One import of a module of the project by another."""

    importer: str
    line: int
    target: str
    runs_on_import: bool  # not in a function, and not for a type checker alone


class Room(NamedTuple):
    """A folder of the package, or a file that lies beside the folders."""

    name: str
    imports: frozenset[str]  # the rooms, or single modules of a room, that it may import
    reason: str


def read_modules(folder: Path) -> dict[str, Path]:
    """Return the file of each module below a folder that is on the path for imports."""
    modules = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def find_imports(module: str, path: Path, modules: Iterable[str]) -> list[Import]:
    """Return the imports in a module's file of the modules that are named."""
    known = set(modules)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = []
    for node, runs in _walk(ast.parse(path.read_text("utf-8")), runs=True):
        for name in _names(node, package):
            # `from package import name` names a module or what is in one.
            target = name if name in known else name.rpartition(".")[0]
            if target in known:
                found.append(Import(module, node.lineno, target, runs))
    return found


def _walk(node: ast.AST, *, runs: bool) -> Iterator[tuple[ast.stmt, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, runs
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _walk(child, runs=False)
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _walk(child, runs=runs and not function)


def _names(node: ast.stmt, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert isinstance(node, ast.ImportFrom)
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    base = ".".join([*above, *filter(None, [node.module])])
    return [f"{base}.{alias.name}" for alias in node.names]


def find_circle(imports: Iterable[Import]) -> list[Import]:
    """Return a chain of imports that ends where it begins; empty if there is none."""
    outgoing: dict[str, list[Import]] = {}
    for entry in imports:
        if entry.runs_on_import:
            outgoing.setdefault(entry.importer, []).append(entry)
    done: set[str] = set()

    def follow(module: str, chain: list[Import]) -> list[Import]:
        for entry in outgoing.get(module, []):
            start = [step.importer for step in chain] + [module]
            if entry.target in start:
                return [*chain, entry][start.index(entry.target) :]
            if entry.target not in done and (circle := follow(entry.target, [*chain, entry])):
                return circle
        done.add(module)
        return []

    return next((c for m in list(outgoing) if m not in done and (c := follow(m, []))), [])


def room_of(module: str) -> str:
    """Return the room of a module."""
    parts = module.split(".")
    if parts[0] != TOP:
        return BACKENDS
    return parts[1] if len(parts) > 1 else TOP


def find_trespasses(
    imports: Iterable[Import], rooms: Iterable[Room], files: Mapping[str, Path]
) -> list[str]:
    """Return a sentence for each import that the table of rooms does not allow."""
    allowed = {room.name: room.imports for room in rooms}
    sentences = []
    for entry in imports:
        importer, target = room_of(entry.importer), room_of(entry.target)
        module = entry.target.removeprefix(f"{TOP}.")
        if importer not in allowed:
            fault = f"room {importer} is not in the table"
        elif importer == target or {target, module} & allowed[importer]:
            continue
        else:
            fault = f"{importer} may not import {module}"
        sentences.append(f"{files[entry.importer]}:{entry.line}: {fault}")
    return sentences
