"""Graphs, deps, notifiers and data converters by what the command line calls them: `MODULE:ATTRIBUTE`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pydantic_graph import BaseNode, Graph, GraphBuilder
from temporalio.converter import DataConverter, PayloadCodec

from temporal_graph import TemporalGraph
from temporal_graph.notify import each

from .failure import WorkerError, describe

AnyGraph = TemporalGraph[Any, Any, Any, Any]


def load_graphs(names: Iterable[str]) -> list[AnyGraph]:
    """The graphs of these names.

    Raises:
        WorkerError: One cannot be loaded, is no graph, or is called like another.
    """
    graphs: dict[str, tuple[str, AnyGraph]] = {}
    for name in names:
        graph = _load_graph(name)
        if graph.name in graphs:
            other = graphs[graph.name][0]
            again = "was given twice; once is enough" if other == name else f"and --graph {other!r} have one name"
            raise WorkerError(
                f"--graph {name!r} {again}: {graph.name!r}. A run finds its graph by its name, so each needs its own: "
                "TemporalGraph(..., name=...)"
            )
        graphs[graph.name] = name, graph
    return [graph for _, graph in graphs.values()]


def _load_graph(name: str) -> AnyGraph:
    value = load("--graph", name)
    if isinstance(value, TemporalGraph):
        return cast("AnyGraph", value)
    attribute = name.rpartition(":")[2]
    if isinstance(value, Graph):
        cure = f"wrap it: TemporalGraph({attribute}, name=...)"
        raise WorkerError(f"--graph {name!r} is a pydantic_graph.Graph that is not wrapped; {cure}")
    if isinstance(value, GraphBuilder):
        cure = f"build it and wrap it: TemporalGraph({attribute}.build(), name=...)"
        raise WorkerError(f"--graph {name!r} is a GraphBuilder; {cure}")
    if inspect.isclass(value) and issubclass(value, BaseNode):
        cure = f"wrap its graph: InterruptibleGraph([{value.__name__}, ...], name=...)"
        raise WorkerError(f"--graph {name!r} is a node class; {cure}")
    hint = _graphs_in(_import("--graph", name, name.rpartition(":")[0]))
    raise WorkerError(
        f"--graph {name!r} is no graph but {_what(value)}; it must be a TemporalGraph or an InterruptibleGraph. {hint}"
    )


def load_notifier(name: str) -> Any:
    """The notifier of this name; whether it is one, `GraphPlugin` looks.

    Raises:
        WorkerError: It cannot be loaded, or is None, which would be no notifier without a word.
    """
    value = load("--notify", name)
    if value is None:
        raise WorkerError(
            f"--notify {name!r} is None; it must be an async function of a Notification, or such as Webhook(...)"
        )
    return value


def load_converter(name: str) -> DataConverter:
    """The data converter of this name, or that a function of this name makes.

    Raises:
        WorkerError: It cannot be loaded, or is none.
    """
    value = load("--data-converter", name)
    if inspect.isroutine(value):
        try:
            value = value()
        except Exception as error:
            raise WorkerError(f"--data-converter {name!r} failed with {describe(error)}") from error
    if isinstance(value, DataConverter):
        return value
    if isinstance(value, PayloadCodec) or (inspect.isclass(value) and issubclass(value, PayloadCodec)):
        cure = "put it into one: dataclasses.replace(DataConverter.default, payload_codec=...)"
        raise WorkerError(f"--data-converter {name!r} is a payload codec, not a data converter; {cure}")
    raise WorkerError(
        f"--data-converter {name!r} is no data converter but {_what(value)}; it must be a temporalio.converter."
        "DataConverter, or a function that makes one"
    )


def load(flag: str, name: str) -> Any:
    """What `MODULE:ATTRIBUTE` stands for.

    Args:
        flag: The flag it was given with, for the error.
        name: MODULE is a dotted name or the path of a .py file; ATTRIBUTE may be dotted.

    Raises:
        WorkerError: There is no such thing, or the module cannot be imported.
    """
    module_name, colon, attribute = name.rpartition(":")
    if not colon or not module_name.strip() or not all(part.isidentifier() for part in attribute.split(".")):
        raise WorkerError(
            f"{flag} {name!r} cannot be read; write MODULE:ATTRIBUTE, for example examples.publish.graph:publish or "
            "examples/publish/graph.py:publish"
        )
    module = _import(flag, name, module_name)
    value: Any = module
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            owner = repr(module_name) if value is module else _what(value)
            raise WorkerError(f"{flag} {name!r}: {owner} has no {part!r}. {_CHOICES[flag](module)}") from None
        except Exception as error:  # a property, or a module's __getattr__
            raise WorkerError(f"{flag} {name!r}: reading {part!r} failed with {describe(error)}") from error
    return value


def _import(flag: str, name: str, module_name: str) -> ModuleType:
    try:
        if module_name.endswith(".py") or os.sep in module_name:
            return _import_file(flag, name, Path(module_name))
        return importlib.import_module(module_name)
    except WorkerError:
        raise
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise WorkerError(
                f"{flag} {name!r}: there is no module {error.name!r}, neither in the current folder "
                f"({Path.cwd()}) nor installed"
            ) from error
        raise WorkerError(f"{flag} {name!r}: importing {module_name!r} failed with {describe(error)}") from error
    # Also a module that leaves the process: a script without `if __name__ == "__main__"`.
    except (Exception, SystemExit) as error:
        raise WorkerError(f"{flag} {name!r}: importing {module_name!r} failed with {describe(error)}") from error


def _import_file(flag: str, name: str, path: Path) -> ModuleType:
    file = path.resolve()
    if not file.is_file():
        raise WorkerError(f"{flag} {name!r}: there is no file {str(path)!r} (in the current folder, {Path.cwd()})")
    parts = _dotted(file)
    if parts is not None:
        # Under its dotted name, so that relative imports work, and nothing is imported twice under two names.
        return importlib.import_module(".".join(parts))
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == str(file):
            return module
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(_free_name(file.stem), file)
    if spec is None or spec.loader is None:
        raise WorkerError(f"{flag} {name!r}: {str(path)!r} is no Python file; its name must end with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as an import does: dataclasses and type hints look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _dotted(file: Path) -> tuple[str, ...] | None:
    """The parts of the name under which a file below the current folder is imported; None if there is none."""
    try:
        parts = file.relative_to(Path.cwd().resolve()).with_suffix("").parts
    except ValueError:
        return None
    return parts if all(part.isidentifier() for part in parts) else None


def _free_name(stem: str) -> str:
    name, number = stem, 2
    while name in sys.modules:
        name, number = f"{stem}_{number}", number + 1
    return name


def _graphs_in(module: ModuleType) -> str:
    """A sentence that says which graphs a module has."""
    names = [name for name, value in vars(module).items() if isinstance(value, TemporalGraph)]
    if not names:
        return f"There is no graph in {module.__name__!r}"
    return f"The graphs in {module.__name__!r}: {', '.join(names)}"


def _deps_in(module: ModuleType) -> str:
    """A sentence that says what a module has that deps could be: what is its own, and no part of a graph."""
    names = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", module.__name__) == module.__name__  # a plain value has none
        and not isinstance(value, ModuleType | TemporalGraph)
        and not type(value).__module__.startswith("pydantic_graph")
        and not (inspect.isclass(value) and issubclass(value, BaseNode))
    ]
    if not names:
        return f"There is nothing in {module.__name__!r} that deps could be"
    return f"What deps could be in {module.__name__!r}: {', '.join(names)}"


def _notifiers_in(module: ModuleType) -> str:
    """A sentence that says which notifiers a module has: functions of its own or made by ours, and objects."""
    names = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and callable(value)
        and not inspect.isclass(value)
        and inspect.iscoroutinefunction(value if inspect.isroutine(value) else type(value).__call__)
        and (not inspect.isroutine(value) or value.__module__ in (module.__name__, each.__module__))
    ]
    if not names:
        return f"There is nothing in {module.__name__!r} that could be a notifier"
    return f"What could be a notifier in {module.__name__!r}: {', '.join(names)}"


def _converters_in(module: ModuleType) -> str:
    """A sentence that says which data converters a module has."""
    names = [name for name, value in vars(module).items() if isinstance(value, DataConverter)]
    if not names:
        return f"There is no data converter in {module.__name__!r}"
    return f"The data converters in {module.__name__!r}: {', '.join(names)}"


_CHOICES = {
    "--graph": _graphs_in,
    "--deps": _deps_in,
    "--notify": _notifiers_in,
    "--data-converter": _converters_in,
}


def _what(value: object) -> str:
    if isinstance(value, ModuleType):
        return f"the module {value.__name__!r}"
    if inspect.isclass(value):
        return f"the class {value.__name__!r}"
    if inspect.isroutine(value):
        return f"the function {value.__name__!r}"
    return f"a value of type {type(value).__name__!r}"
