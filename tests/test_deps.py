"""Deps without a server: what they may be, and when they come and go."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NewType, Protocol, TypedDict, TypeVar, runtime_checkable

import pytest
from pydantic_graph import GraphBuilder, StepContext, TypeExpression

from temporal_graph import DepsError, GraphPlugin, TemporalGraph, interrupt

T = TypeVar("T")


@dataclass
class Shop:
    """Deps."""

    name: str = "a shop"


class Settings(TypedDict):
    name: str


class Box(Generic[T]):
    """A generic class."""


class Named(Protocol):
    name: str


@runtime_checkable
class Closes(Protocol):
    def close(self) -> None: ...


class Door:
    def close(self) -> None:
        pass


ShopId = NewType("ShopId", int)


async def ask(ctx: StepContext[None, Any, None]) -> str:
    """Asks twice, and says what it has."""
    answers = [await interrupt("?", response_type=str) for _ in range(2)]
    return f"{answers} {ctx.deps}"


async def tell(ctx: StepContext[None, Any, None]) -> str:
    return str(ctx.deps)


def graph_of(deps_type: Any, step: Any = tell) -> TemporalGraph:
    """A graph of one step."""
    make: Any = GraphBuilder
    g = make(name="deps", deps_type=deps_type, output_type=str, auto_instrument=False)
    only = g.step(step, node_id="only")
    g.add(g.edge_from(g.start_node).to(only), g.edge_from(only).to(g.end_node))
    return TemporalGraph(g.build())


# -- Their type -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deps_type", "deps"),
    [
        (Any, 5),
        (object, 5),
        (None, 5),
        (Settings, {"name": "a shop"}),
        (Settings, 5),  # isinstance cannot tell
        (Named, 5),  # nor here
        (Box[int], Box[str]()),
        (list[int], ["x"]),
        (Mapping[str, int], {}),
        (TypeExpression[Shop | None], None),
        (TypeExpression[Shop | Settings], 5),
        (TypeExpression[Annotated[Shop, "sold"]], Shop()),
        (ShopId, 5),
        (T, 5),
        (Closes, Door()),
    ],
    ids=lambda value: str(value).partition(" object at ")[0],
)
async def test_what_fits_or_cannot_be_told(deps_type: Any, deps: Any) -> None:
    assert (await graph_of(deps_type).local(deps=deps).proceed()).output == str(deps)


@pytest.mark.parametrize(
    ("deps_type", "deps", "declared"),
    [
        (Shop, 5, "Shop"),
        (Box[int], 5, r"tests\.test_deps\.Box\[int\]"),
        (list[int], 5, r"list\[int\]"),
        (TypeExpression[Shop | int], "a shop", r"tests\.test_deps\.Shop \| int"),
        (ShopId, "a shop", r"tests\.test_deps\.ShopId"),
        (Closes, 5, "Closes"),
    ],
    ids=lambda value: str(value).partition(" object at ")[0],
)
async def test_what_does_not_fit(deps_type: Any, deps: Any, declared: str) -> None:
    run = graph_of(deps_type).local(deps=deps)
    with pytest.raises(DepsError, match=f"declares deps of type {declared}, and this worker has {deps!r}"):
        await run.proceed()


# -- Context managers -------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def opened(log: list[str], name: str = "shop") -> AsyncGenerator[str]:
    """Says when it comes and goes."""
    log.append(f"{name} opens")
    yield name
    log.append(f"{name} closes")


@pytest.mark.parametrize("instance", [True, False], ids=["instance", "function"])
async def test_a_run_here_enters_it_whenever_it_runs(instance: bool) -> None:
    log: list[str] = []
    deps: Any = opened(log, name="shop") if instance else lambda: opened(log)
    for _ in range(2):
        log.clear()
        run = graph_of(str, ask).local(deps=deps)
        assert log == []
        await run.proceed()
        assert log == ["shop opens", "shop closes"]
        await run.proceed("one")
        assert (await run.proceed("two")).output == "['one', 'two'] shop"
        assert log == ["shop opens", "shop closes"] * 3


async def test_one_that_was_used_up_is_refused_before_anything_happens() -> None:
    used = opened([])
    async with used:
        pass
    says = (
        r"was entered before and cannot be entered again\. Give the function that makes it: deps=opened, not deps=ope"
    )
    with pytest.raises(DepsError, match=says):
        GraphPlugin(graph_of(str), deps=used)
    with pytest.raises(DepsError, match=says):
        graph_of(str).local(deps=used)
    with pytest.raises(DepsError, match=says):
        await graph_of(str).local(deps=lambda: used).proceed()
    late = opened([])
    run = graph_of(str).local(deps=late)
    async with late:
        with pytest.raises(DepsError, match=says):
            await run.proceed()


class Reopened:
    """A class whose instances can be entered again and again."""

    def __init__(self) -> None:
        self.times = 0

    async def __aenter__(self) -> str:
        self.times += 1
        return f"open {self.times}"

    async def __aexit__(self, *error: object) -> None:
        await asyncio.sleep(0)


async def test_one_that_can_be_entered_again_is() -> None:
    run = graph_of(str, ask).local(deps=Reopened())
    await run.proceed()
    await run.proceed("one")
    assert (await run.proceed("two")).output == "['one', 'two'] open 3"


@contextlib.contextmanager
def opened_at_once() -> Generator[Shop]:
    """Not an async one."""
    yield Shop()


class Opened:
    """Not an async one either."""

    def __enter__(self) -> Shop:
        return Shop()

    def __exit__(self, *error: object) -> None:
        pass


@pytest.mark.parametrize(
    ("deps", "shown"),
    [
        (opened_at_once, "<contextlib._GeneratorContextManager object"),
        (opened_at_once(), "<contextlib._GeneratorContextManager object"),
        (Opened(), "Opened object"),
    ],
    ids=["function", "instance", "class"],
)
async def test_one_that_is_not_async(deps: Any, shown: str) -> None:
    with pytest.raises(DepsError, match=shown) as wrong:
        await graph_of(Shop).local(deps=deps).proceed()
    assert str(wrong.value).endswith(
        "What it has is a context manager that is not async, which is not entered: make it an async one, with "
        "@contextlib.asynccontextmanager and async def."
    )
    assert "Opened object" in (await graph_of(Opened).local(deps=Opened()).proceed()).output
