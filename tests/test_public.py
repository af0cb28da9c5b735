"""What users import: which names there are, what they say about themselves, what importing them loads."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import temporal_graph
from temporal_graph import errors
from temporal_graph.notify import errors as notify_errors
from tests.support.process import ROOT

NAMES = [
    "Abort",
    "Accepted",
    "AnswerRefusedError",
    "Answered",
    "ApprovalQueue",
    "AuditEntry",
    "Calendar",
    "Checkpoint",
    "Command",
    "DepsError",
    "Escalate",
    "Every",
    "GraphDefinitionError",
    "GraphError",
    "GraphInputError",
    "GraphPlugin",
    "GraphResult",
    "GraphRun",
    "GraphRunError",
    "Interrupt",
    "InterruptError",
    "InterruptNode",
    "InterruptPolicy",
    "InterruptibleGraph",
    "LocalRun",
    "Merge",
    "NoWorkerError",
    "NodeError",
    "NodeOptions",
    "Pending",
    "PendingPage",
    "RefusedError",
    "Required",
    "Retry",
    "RunBlockedError",
    "RunBusyError",
    "RunCancelledError",
    "RunEvent",
    "RunExistsError",
    "RunNotFoundError",
    "RunPausedError",
    "RunState",
    "Send",
    "Skip",
    "StateConflictError",
    "Stop",
    "TemporalGraph",
    "UnavailableError",
    "answers",
    "emit",
    "forwarding_runtime",
    "interrupt",
    "once",
    "register_search_attributes",
    "send_to",
    "step",
]

BASES: dict[str, tuple[type[BaseException], ...]] = {
    "GraphError": (Exception,),
    "GraphDefinitionError": (errors.GraphError, TypeError),
    "GraphInputError": (errors.GraphError, ValueError),
    "GraphRunError": (errors.GraphError, RuntimeError),
    "StateConflictError": (errors.GraphRunError,),
    "RefusedError": (errors.GraphError, ValueError),
    "AnswerRefusedError": (errors.RefusedError,),
    "RunNotFoundError": (errors.GraphError, LookupError),
    "RunCancelledError": (errors.GraphError,),
    "RunExistsError": (errors.GraphInputError,),
    "UnavailableError": (errors.GraphError,),
    "NoWorkerError": (errors.UnavailableError,),
    "RunBlockedError": (errors.UnavailableError,),
    "RunBusyError": (errors.UnavailableError,),
    "RunPausedError": (errors.UnavailableError,),
    "DepsError": (errors.GraphError,),
    "InterruptError": (errors.GraphError,),
    "NodeError": (errors.GraphError,),
}


def test_the_names_are_these() -> None:
    assert temporal_graph.__all__ == NAMES
    assert sorted(NAMES) == NAMES
    for name in NAMES:
        assert getattr(temporal_graph, name).__name__ == name
    assert set(NAMES) <= set(dir(temporal_graph))


def test_all_of_them_are_imported_at_once() -> None:
    there: dict[str, Any] = {}
    exec("from temporal_graph import *", there)
    assert set(NAMES) <= there.keys()


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'temporal_graph' has no attribute 'Graph'"):
        _ = temporal_graph.Graph  # type: ignore[attr-defined]


def test_each_error_has_its_bases() -> None:
    assert errors.__all__ == sorted(BASES)
    assert {name for name in NAMES if name.endswith("Error")} == BASES.keys()
    for name, bases in BASES.items():
        assert getattr(temporal_graph, name).__bases__ == bases
    assert errors.__doc__ is not None
    assert all(name in errors.__doc__ for name in BASES), "the tree in the module's docstring has all of them"


def test_the_page_of_errors_has_all_of_them() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    assert all(f"`{name}`" in page for name in [*BASES, *notify_errors.__all__])
    assert all(issubclass(getattr(notify_errors, name), errors.GraphError) for name in notify_errors.__all__)


def test_errors_carry_what_they_say() -> None:
    failed = errors.GraphRunError("Pay", "ValueError", "no money")
    assert str(failed) == "'Pay' failed with ValueError: no money"
    assert (failed.node_id, failed.error_type, failed.error_message) == ("Pay", "ValueError", "no money")
    conflict = errors.StateConflictError("Pay", "both", ("items", 0))
    assert (conflict.path, conflict.error_type) == (("items", 0), "StateConflictError")
    for refusal in (errors.RefusedError, errors.AnswerRefusedError):
        refused = refusal("invalid", "bad", [{"loc": ["a"]}])
        assert (str(refused), refused.reason, refused.errors) == ("invalid: bad", "invalid", [{"loc": ["a"]}])
    assert errors.GraphInputError("bad").errors == []


# -- Documentation ----------------------------------------------------------------------------------------------------


def functions_of(cls: type) -> Iterator[tuple[str, Any]]:
    """The methods and properties that a public class has, of this package."""
    for owner in cls.__mro__:
        if owner.__module__.startswith("temporal_graph"):
            yield from ((name, item) for name, item in vars(owner).items() if not name.startswith("_"))


def documented() -> Iterator[Any]:
    for name in NAMES:
        public = getattr(temporal_graph, name)
        yield pytest.param(public, id=name)
        if inspect.isclass(public):
            for method_name, method in functions_of(public):
                if inspect.isfunction(method) or isinstance(method, property):
                    yield pytest.param(method, id=f"{name}.{method_name}")


@pytest.mark.parametrize("public", [*documented()])
def test_it_has_a_docstring(public: Any) -> None:
    text = public.__doc__
    assert text
    assert text.lstrip("`")[0].isalpha()
    assert text.partition("\n")[0].rstrip().endswith((".", ":")), "its first line is a sentence"


def methods() -> Iterator[Any]:
    for name in NAMES:
        public = getattr(temporal_graph, name)
        if inspect.isfunction(public):
            yield pytest.param(public, id=name)
        elif inspect.isclass(public) and public.__module__.startswith("temporal_graph"):
            for method_name, method in functions_of(public):
                if inspect.isfunction(method) and method.__module__.startswith("temporal_graph"):
                    yield pytest.param(method, id=f"{name}.{method_name}")


def is_short(text: str) -> bool:
    """Whether a docstring is a sentence or two, or sends its reader to another."""
    return "\n\n" not in text.strip() or " see `" in text.casefold()


@pytest.mark.parametrize("method", [*methods()])
def test_a_docstring_names_its_parameters(method: Any) -> None:
    text = inspect.getdoc(method) or ""
    names = [name for name in inspect.signature(method).parameters if name != "self"]
    if "Args:" in text:
        section = text.partition("Args:")[2].partition("\nReturns:")[0].partition("\nRaises:")[0]
        described = [line.strip().partition(":")[0] for line in section.splitlines() if line.startswith("    ")]
        assert [name for name in names if name not in described] == []
        assert section.strip()
    else:
        # Without one, what it takes must be plain from its first sentence, or it is written like another.
        assert len(names) <= 1 or is_short(text) or "Raises:" in text


def raises_of_its_own(method: Any) -> set[str]:
    """The errors that a method raises in its own lines."""
    source = inspect.getsource(method)
    return {name for name in BASES if f"raise {name}(" in source}


@pytest.mark.parametrize("method", [*methods()])
def test_a_docstring_says_what_is_raised(method: Any) -> None:
    text = inspect.getdoc(method) or ""
    section = text.partition("Raises:")[2]
    assert {name for name in raises_of_its_own(method) if name not in section} == set()
    for line in section.splitlines():
        name, colon, _ = line.strip().partition(":")
        if colon and line.startswith("    ") and not line.startswith("     ") and name.isidentifier():
            assert name in BASES or hasattr(__import__("builtins"), name) or name == "SnapshotError"


@pytest.mark.parametrize(
    "name",
    [name for name in NAMES if inspect.isclass(getattr(temporal_graph, name))],
)
def test_a_class_names_the_parameters_of_its_constructor(name: str) -> None:
    cls = getattr(temporal_graph, name)
    doc = inspect.getdoc(cls) or ""
    if name in ("TemporalGraph", "InterruptibleGraph", "Merge", "GraphPlugin"):
        assert "Args:" in doc
        for parameter in inspect.signature(cls).parameters:
            assert f"{parameter}:" in doc
    fields = [field for field in getattr(cls, "__dataclass_fields__", {}) if not field.startswith("_")]
    assert [field for field in fields if field not in re.findall(r"\w+", doc)] == []


# -- What importing it loads ------------------------------------------------------------------------------------------


def loaded_after(statement: str) -> set[str]:
    """The modules that are loaded after a statement in a new process."""
    code = f"{statement}\nimport json, sys; print(json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_workers_things_are_loaded_where_there_is_a_worker() -> None:
    plain = loaded_after("import temporal_graph; dir(temporal_graph)")
    assert "temporal_graph.graph" in plain
    for module in ("workflow", "driver", "activities", "plugin"):
        assert f"temporal_graph.temporal.{module}" not in plain
    assert "temporal_graph.plugin" not in plain
    assert "temporalio.worker" not in plain
    asked = loaded_after("from temporal_graph import GraphPlugin")
    assert {"temporal_graph.plugin", "temporal_graph.temporal.workflow", "temporalio.worker"} <= asked


def test_the_plugin_is_loaded_once() -> None:
    first = temporal_graph.GraphPlugin
    assert vars(temporal_graph)["GraphPlugin"] is first
    assert importlib.import_module("temporal_graph.plugin").GraphPlugin is first
