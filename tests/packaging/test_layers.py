"""Who may import what. The tables are the rules; the code below only reads them.

Arrows point down only, so that the core can be read, tested and replayed without its shells.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.process import ROOT

PACKAGE = "temporal_graph"
FOLDER = ROOT / PACKAGE

WORDS = {"calendars", "commands", "emitting", "interrupts", "options", "policies", "merge", "errors"}
"""What a graph author writes with."""

LAYERS: list[set[str]] = [
    # From top to bottom, by the first name below the package. A module imports from its own row and the rows below it.
    {"__init__"},
    {"plugin"},
    {"graph"},
    {"local"},
    {"approvals"},
    {"client"},
    {"temporal"},
    {"notify"},
    {"views", "sending", "verdicts"},
    {"starting", "deps", "naming", "node_classes"},
    {"registry"},
    {"compile"},
    {"messages"},
    {"codec"},
    {"engine"},
    WORDS,
]

STANDS_ALONE = {"engine"}
"""Layers that import nothing of the project but themselves, and nothing of anyone else."""

ALL_BUT_THE_ENGINE = set[str]().union(*LAYERS) - STANDS_ALONE

MAY_IMPORT: dict[str, set[str]] = {
    # Third parties, and the layers that may import them. Whoever is not named here may be imported by nobody.
    "temporalio": {"temporal"},
    "pydantic": ALL_BUT_THE_ENGINE,
    "pydantic_core": ALL_BUT_THE_ENGINE,
    "pydantic_graph": ALL_BUT_THE_ENGINE,
    "typing_extensions": ALL_BUT_THE_ENGINE,
    "typing_inspection": {"compile", "codec"},
    "httpx": {"notify"},
    "apprise": {"notify"},
}

MAY_IMPORT_FOR_TYPES: dict[str, set[str]] = {
    # The same for imports under `if TYPE_CHECKING`, which do not exist at run time.
    "temporalio": {"graph", "approvals", "client", "options"},
}

MAY_IMPORT_SUBMODULES: dict[str, set[str]] = {
    # Parties of which others see only what their top level exports.
    "pydantic_graph": {"compile"},
}

NOT_IN_THE_ENGINE = {
    # Whatever does I/O, waits, or answers differently the next time: a replay must decide as the first run did.
    *("asyncio", "concurrent", "contextvars", "io", "logging", "multiprocessing", "os", "pathlib", "queue", "random"),
    *("sched", "secrets", "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess"),
    *("tempfile", "threading", "time", "urllib", "http", "uuid", "zoneinfo"),
}

FUNCTIONS_NOT_IN_THE_ENGINE = {"open", "print", "input", "id", "hash"}
"""Built in. The last two differ from process to process."""

METHODS_NOT_IN_THE_ENGINE = {"now", "utcnow", "today"}
"""Of `datetime` and `date`, which may be imported: the engine is told the time."""


@dataclass(frozen=True)
class Import:
    """One module that one line imports."""

    file: Path
    line: int
    module: str
    only_for_types: bool

    @property
    def importer(self) -> str:
        """The layer that imports."""
        return layer_of(self.file)

    @property
    def party(self) -> str:
        """The top-level package that is imported."""
        return self.module.partition(".")[0]

    @property
    def layer(self) -> str:
        """The layer that is imported, if it is one of ours."""
        return [*self.module.split("."), "__init__"][1]

    def __str__(self) -> str:
        return f"{PACKAGE}/{self.file.relative_to(FOLDER)}:{self.line} ({self.importer}) imports {self.module}"


def layer_of(file: Path) -> str:
    """`temporal_graph/engine/joins.py` -> `engine`, `temporal_graph/graph.py` -> `graph`."""
    return file.relative_to(FOLDER).parts[0].removesuffix(".py")


def package_of(file: Path) -> list[str]:
    """The package that relative imports in `file` start from, name by name."""
    return [PACKAGE, *file.relative_to(FOLDER).parent.parts]


def imports_in(file: Path, source: str) -> Iterator[Import]:
    """Every import in a file, inside functions too."""
    tree = ast.parse(source)
    for_types = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for statement in branch.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in names_in(node, package_of(file)):
                yield Import(file, node.lineno, name, id(node) in for_types)


def names_in(node: ast.Import | ast.ImportFrom, package: list[str]) -> list[str]:
    """The full names of the modules that one statement in `package` imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    above = package[: len(package) - node.level + 1] if node.level else []
    base = ".".join([*above, *filter(None, [node.module])])
    # `from temporal_graph import engine` imports a module, not a name of the top one.
    return [f"{base}.{alias.name}" for alias in node.names] if base == PACKAGE else [base]


FILES = sorted(FOLDER.rglob("*.py"))
IMPORTS = [found for file in FILES for found in imports_in(file, file.read_text())]
RANK = {layer: rank for rank, row in enumerate(LAYERS) for layer in row}


def problems(imports: list[Import]) -> Iterator[str]:
    """What is wrong with each import, by the tables above."""
    for found in imports:
        importer, party = found.importer, found.party
        if party == PACKAGE:
            if importer in STANDS_ALONE and found.layer != importer:
                yield f"{found}: {importer} stands alone"
            elif found.layer not in RANK:
                yield f"{found}: {found.layer!r} has no place in LAYERS"
            elif importer not in RANK:
                yield f"{found}: {importer!r} has no place in LAYERS"
            elif RANK[found.layer] < RANK[importer]:
                yield f"{found}: that points up"
        elif party in sys.stdlib_module_names:
            if importer == "engine" and party in NOT_IN_THE_ENGINE:
                yield f"{found}: that is I/O, a clock or chance"
        elif importer in STANDS_ALONE:
            yield f"{found}: {importer} stands alone"
        else:
            allowed = MAY_IMPORT.get(party, set())
            if found.only_for_types:
                allowed = allowed | MAY_IMPORT_FOR_TYPES.get(party, set())
            if importer not in allowed:
                yield f"{found}: only {sorted(allowed)} may"
            elif "." in found.module and importer not in MAY_IMPORT_SUBMODULES.get(party, {importer}):
                yield f"{found}: only {sorted(MAY_IMPORT_SUBMODULES[party])} may see its insides"


def forbidden_calls(file: Path, source: str) -> Iterator[str]:
    """The calls in a file of the engine that it may not make."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS_NOT_IN_THE_ENGINE:
                yield f"{file.relative_to(FOLDER)}:{node.lineno} calls {name}()"
            case ast.Call(func=ast.Attribute(attr=name)) if name in METHODS_NOT_IN_THE_ENGINE:
                yield f"{file.relative_to(FOLDER)}:{node.lineno} calls .{name}()"
            case _:
                pass


def test_every_module_has_a_place() -> None:
    assert {layer_of(file) for file in FILES} <= set(RANK)


def test_imports_keep_to_the_layers() -> None:
    assert list(problems(IMPORTS)) == []


def test_the_engine_calls_nothing_that_differs_next_time() -> None:
    engine = [file for file in FILES if layer_of(file) == "engine"]
    assert [call for file in engine for call in forbidden_calls(file, file.read_text())] == []


@pytest.mark.parametrize("source", ["open('x')", "key = hash(node)", "datetime.now(UTC)", "datetime.datetime.now()"])
def test_a_wrong_call_is_found(source: str) -> None:
    assert len(list(forbidden_calls(FOLDER / "engine" / "x.py", source))) == 1


@pytest.mark.parametrize("source", ["questions.open(question)", "now = event.now", "datetime.fromisoformat(text)"])
def test_a_right_call_is_let_through(source: str) -> None:
    assert list(forbidden_calls(FOLDER / "engine" / "x.py", source)) == []


@pytest.mark.parametrize(
    ("file", "source", "problem"),
    [
        ("engine/x.py", "import time", "I/O, a clock or chance"),
        ("engine/x.py", "def f():\n    from asyncio import sleep", "I/O, a clock or chance"),
        ("engine/x.py", "import pydantic", "stands alone"),
        ("engine/x.py", "from ..errors import GraphError", "stands alone"),
        ("codec/x.py", "from temporal_graph import registry", "points up"),
        ("codec/x.py", "from ..graph import TemporalGraph", "points up"),
        ("errors.py", "import temporal_graph.codec.types", "points up"),
        ("client.py", "import temporalio.client", "only ['temporal'] may"),
        ("codec/x.py", "from pydantic_graph.step import Step", "may see its insides"),
        ("codec/x.py", "import numpy", "only [] may"),
        ("graph.py", "from temporal_graph.nowhere import x", "has no place"),
        ("nowhere.py", "from temporal_graph.codec import x", "has no place"),
    ],
)
def test_a_wrong_import_is_found(file: str, source: str, problem: str) -> None:
    [found] = problems(list(imports_in(FOLDER / file, source)))
    assert problem in found


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("engine/x.py", "import dataclasses, json\nfrom . import spec\nfrom .spec import GraphSpec"),
        ("client.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from temporalio.client import Client"),
        ("client.py", "from .temporal.names import RESUME"),
        ("temporal/x.py", "from temporalio.worker import Worker"),
        ("compile/x.py", "from pydantic_graph.step import Step"),
        ("codec/x.py", "from pydantic_graph import End"),
    ],
)
def test_a_right_import_is_let_through(file: str, source: str) -> None:
    assert list(problems(list(imports_in(FOLDER / file, source)))) == []
