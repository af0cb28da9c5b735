"""Graphs whose code does what it should not, each in its own way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic_graph import (
    BaseNode,
    End,
    GraphBuilder,
    GraphRunContext,
    StepContext,
    reduce_list_append,
    reduce_null,
    reduce_sum,
)
from temporalio.common import RetryPolicy

from temporal_graph import InterruptibleGraph, InterruptNode, Merge, NodeOptions, Required, TemporalGraph, interrupt

ONCE = NodeOptions(retry_policy=RetryPolicy(maximum_attempts=1))
LARGE = 3_000_000
"""More than Temporal takes."""


class OutOfPaperError(Exception):
    """An error of one's own, with arguments of its own."""

    def __init__(self, tray: int, *, size: str) -> None:
        super().__init__(f"tray {tray} has no {size}")
        self.tray = tray


class UnprintableError(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class OddError(BaseException):
    """An error that no `except Exception` catches."""


def _chain() -> Exception:
    try:
        raise KeyError("inner")
    except KeyError as error:
        outer = ValueError("outer")
        outer.__cause__ = error
        return outer


ERRORS: dict[str, Callable[[], BaseException]] = {
    "custom": lambda: OutOfPaperError(2, size="A4"),
    "group": lambda: ExceptionGroup("both failed", [ValueError("one"), KeyError("two")]),
    "chained": _chain,
    "unprintable": UnprintableError,
    "key": lambda: KeyError("absent"),
    "assertion": lambda: AssertionError("must not be"),
    "timeout": lambda: TimeoutError("too slow"),
    "stop": lambda: StopIteration("nothing left"),
    "recursion": lambda: RecursionError("too deep"),
    "exit": lambda: SystemExit(3),
    "odd": OddError,
    "cancelled": lambda: asyncio.CancelledError("by a task of its own"),
}


def raise_(kind: str) -> Any:
    """Raise one of the errors."""
    raise ERRORS[kind]()


def of_one_step(name: str, step: Any, options: NodeOptions = ONCE) -> TemporalGraph:
    """A graph of a single step, `act`."""
    g = GraphBuilder(name=name, input_type=str, output_type=Any)
    act = g.step(step, node_id="act")
    g.add(g.edge_from(g.start_node).to(act), g.edge_from(act).to(g.end_node))
    return TemporalGraph(g.build(), options=options)


async def fail(ctx: StepContext[None, None, str]) -> str:
    """Raises what its input names."""
    return raise_(ctx.inputs)


failing = of_one_step("failing", fail)
failing_here = of_one_step("failing_here", fail, NodeOptions(execution="workflow"))
failing_local = of_one_step("failing_local", fail, NodeOptions(execution="local", retry_policy=ONCE.retry_policy))


async def not_declared(ctx: StepContext[None, None, str]) -> int:
    """Returns something else than it declares."""
    return ctx.inputs  # type: ignore[return-value]


undeclared = of_one_step("undeclared", not_declared)


# -- Code in the driver ---------------------------------------------------------------------------------------------


async def echo(ctx: StepContext[None, None, str]) -> str:
    """Gives back what it gets."""
    return ctx.inputs


def _reducer() -> TemporalGraph:
    g = GraphBuilder(name="bad_reducer", input_type=str, output_type=str)
    step = g.step(echo, node_id="echo")

    def reduce(current: str, value: str) -> str:
        return raise_(value)

    join = g.join(reduce, initial="", node_id="gather")
    g.add(
        g.edge_from(g.start_node).transform(lambda ctx: [ctx.inputs]).map(fork_id="each").to(step),
        g.edge_from(step).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build())


def _transform() -> TemporalGraph:
    g = GraphBuilder(name="bad_transform", input_type=str, output_type=str)
    step = g.step(echo, node_id="echo")
    g.add(
        g.edge_from(g.start_node).to(step),
        g.edge_from(step).transform(lambda ctx: raise_(ctx.inputs)).to(g.end_node),
    )
    return TemporalGraph(g.build())


def _decision() -> TemporalGraph:
    g = GraphBuilder(name="bad_decision", input_type=str, output_type=str)
    step = g.step(echo, node_id="echo")
    fits: Any = raise_
    g.add(
        g.edge_from(g.start_node).to(g.decision(node_id="which").branch(g.match(str, matches=fits).to(step))),
        g.edge_from(step).to(g.end_node),
    )
    return TemporalGraph(g.build())


def _initial() -> TemporalGraph:
    g = GraphBuilder(name="bad_initial", input_type=str, output_type=str)
    step = g.step(echo, node_id="echo")

    def initial() -> str:
        return raise_("custom")

    join = g.join(reduce_sum, initial_factory=initial, node_id="gather")
    g.add(
        g.edge_from(g.start_node).transform(lambda ctx: [ctx.inputs]).map(fork_id="each").to(step),
        g.edge_from(step).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build())


bad_reducer, bad_transform, bad_decision, bad_initial = _reducer(), _transform(), _decision(), _initial()


def _no_match() -> TemporalGraph:
    g = GraphBuilder(name="no_match", input_type=str, output_type=str)
    step = g.step(echo, node_id="echo")

    def no(value: Any) -> bool:
        return False

    g.add(
        g.edge_from(g.start_node).to(g.decision(node_id="which").branch(g.match(str, matches=no).to(step))),
        g.edge_from(step).to(g.end_node),
    )
    return TemporalGraph(g.build())


def _not_iterable() -> TemporalGraph:
    g = GraphBuilder(name="not_iterable", input_type=str, output_type=list[str])
    step = g.step(echo, node_id="echo")
    join = g.join(reduce_list_append, initial_factory=list[str], node_id="gather")
    number: Any = lambda ctx: 5  # noqa: E731
    g.add(
        g.edge_from(g.start_node).transform(number).map(fork_id="each").to(step),
        g.edge_from(step).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build())


no_match, not_iterable = _no_match(), _not_iterable()


def clash(base: Any, current: Any, mine: Any) -> Any:
    """A merge function that raises, or that makes nothing of use."""
    if mine == "object":
        return object()
    return raise_(mine)


@dataclass
class Board:
    """A state on which branches get into each other's way."""

    title: str = ""
    marks: list[str] = field(default_factory=list[str])
    ruled: Annotated[str, Merge(clash)] = ""


def _writers(name: str, write: Callable[[Board, str, str], None]) -> TemporalGraph:
    g = GraphBuilder(name=name, state_type=Board, input_type=str, output_type=type(None))

    async def left(ctx: StepContext[Board, None, str]) -> None:
        write(ctx.state, "left", ctx.inputs)

    async def right(ctx: StepContext[Board, None, str]) -> None:
        write(ctx.state, "right", ctx.inputs)

    steps = [g.step(left, node_id="left"), g.step(right, node_id="right")]
    join = g.join(reduce_null, initial=None, node_id="done")
    g.add(
        g.edge_from(g.start_node).to(*steps, fork_id="both"),
        g.edge_from(*steps).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build())


def _set_title(board: Board, who: str, what: str) -> None:
    board.title = f"{what} of {who}"


def _set_ruled(board: Board, who: str, what: str) -> None:
    board.ruled = what


conflicting = _writers("conflicting", _set_title)
bad_merge = _writers("bad_merge", _set_ruled)


# -- Nodes that name the next one -----------------------------------------------------------------------------------


@dataclass
class Stranger(BaseNode[None, None, str]):
    """A node of no graph."""

    async def run(self, ctx: GraphRunContext[None]) -> End[str]:
        return End("never")


@dataclass
class Lost(BaseNode[None, None, str]):
    """Returns what it should not."""

    what: str

    async def run(self, ctx: GraphRunContext[None]) -> Lost | End[str]:
        found: dict[str, Any] = {
            "stranger": Stranger(),
            "class": Lost,
            "text": "Lost",
            "nothing": None,
            "end": End(5),
            "field": Lost(what=5),  # type: ignore[arg-type]
        }
        return found[self.what]


lost = InterruptibleGraph([Lost], name="lost", options=ONCE)


# -- Large things ---------------------------------------------------------------------------------------------------


@dataclass
class Pile:
    """A state that can be too large."""

    text: str = ""


@dataclass
class Heap(BaseNode[Pile, None, str]):
    """Makes something large."""

    what: str
    size: int = LARGE

    async def run(self, ctx: GraphRunContext[Pile]) -> Heap | End[str]:
        large = "x" * self.size
        if self.what == "output":
            return End(large)
        if self.what == "next":
            return Heap(large)
        if self.what == "state":
            ctx.state.text = large
        elif self.what == "both":
            ctx.state.text = large
            return End(large)
        elif self.what == "question":
            return End(await interrupt(large, response_type=str))
        elif self.what == "call":
            ctx.state.text = large
            return Heap("call2", self.size)
        elif self.what == "call2":
            return End(await interrupt(large, response_type=str))
        return End("done")


@dataclass
class Sign(InterruptNode[Pile, None, str]):
    """Asks, and shows something that may be large."""

    shown: str = ""
    answer: Annotated[Any | None, Required] = None

    async def run(self, ctx: GraphRunContext[Pile]) -> End[str]:
        return End(f"signed {str(self.answer)[:20]}")


heap = InterruptibleGraph([Heap, Sign], name="heap", output_type=str, options=ONCE)


def _large_transform() -> TemporalGraph:
    g = GraphBuilder(name="large_transform", input_type=str, output_type=int)

    async def measure(ctx: StepContext[None, None, str]) -> int:
        return len(ctx.inputs)

    step = g.step(measure, node_id="measure")
    g.add(
        g.edge_from(g.start_node).transform(lambda ctx: ctx.inputs * LARGE).to(step),
        g.edge_from(step).to(g.end_node),
    )
    return TemporalGraph(g.build())


large_transform = _large_transform()


async def ask_anything(ctx: StepContext[None, None, str]) -> int:
    """Asks for anything at all."""
    return len(str(await interrupt(ctx.inputs)))


anything = of_one_step("anything", ask_anything)
