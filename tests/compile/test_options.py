"""Options of nodes: checked where they are written, and where they meet a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext
from temporalio.common import Priority, RetryPolicy

from temporal_graph import GraphDefinitionError, InterruptibleGraph, NodeOptions, TemporalGraph

MINUTE = timedelta(minutes=1)
TIMEOUTS = ("start_to_close_timeout", "schedule_to_close_timeout", "heartbeat_timeout")


def refused(make: Callable[[], Any]) -> str:
    with pytest.raises(GraphDefinitionError) as caught:
        make()
    return str(caught.value)


# -- Each for itself --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TIMEOUTS)
@pytest.mark.parametrize("value", [5, "5s", 2.5])
def test_a_timeout_is_a_timedelta(name: str, value: Any) -> None:
    message = f"{name} is {value!r}; it must be a timedelta, such as timedelta(minutes=5)."
    assert refused(lambda: NodeOptions(**{name: value})) == message


@pytest.mark.parametrize("name", TIMEOUTS)
@pytest.mark.parametrize("value", [timedelta(0), -MINUTE])
def test_a_timeout_is_longer_than_nothing(name: str, value: timedelta) -> None:
    assert refused(lambda: NodeOptions(**{name: value})) == f"{name} is {value!r}; it must be longer than nothing."


@pytest.mark.parametrize("value", ["Activity", "", "thread"])
def test_how_a_node_is_executed(value: Any) -> None:
    message = f"execution is {value!r}; it must be one of activity, local, workflow."
    assert refused(lambda: NodeOptions(execution=value)) == message


def test_what_does_not_go_with_a_local_activity() -> None:
    for name, value in (("task_queue", "gpu"), ("heartbeat_timeout", MINUTE), ("priority", Priority())):
        assert refused(lambda name=name, value=value: NodeOptions(execution="local", **{name: value})) == (
            f"{name} cannot be given with execution='local'; leave it out, or use execution='activity'."
        )
    NodeOptions(execution="local", start_to_close_timeout=MINUTE, retry_policy=RetryPolicy(), summary="short")


def test_what_does_not_go_with_the_workflow() -> None:
    message = refused(lambda: NodeOptions(execution="workflow", task_queue="gpu", summary="short"))
    assert message.startswith("task_queue, summary cannot be given with execution='workflow'; leave it out, or use ")
    for name in (f.name for f in fields(NodeOptions) if f.name != "execution"):
        value = MINUTE if name in TIMEOUTS else "x"
        assert name in refused(lambda name=name, value=value: NodeOptions(execution="workflow", **{name: value}))


def test_options_are_given_by_name_and_stay() -> None:
    with pytest.raises(TypeError):
        NodeOptions(MINUTE)  # type: ignore[misc]
    options = NodeOptions(summary="s")
    with pytest.raises(AttributeError):
        options.summary = "t"  # type: ignore[misc]


# -- Over each other --------------------------------------------------------------------------------------------------


def test_what_is_left_out_is_taken_from_below() -> None:
    below = NodeOptions(start_to_close_timeout=MINUTE, task_queue="gpu", summary="below")
    made = NodeOptions(summary="above").over(below)
    assert made == NodeOptions(start_to_close_timeout=MINUTE, task_queue="gpu", summary="above", execution="activity")
    assert NodeOptions().over(NodeOptions()) == NodeOptions(execution="activity")


def test_what_does_not_go_with_an_execution_is_not_taken() -> None:
    below = NodeOptions(start_to_close_timeout=MINUTE, heartbeat_timeout=MINUTE, task_queue="gpu", summary="below")
    assert NodeOptions(execution="local").over(below) == NodeOptions(
        execution="local", start_to_close_timeout=MINUTE, summary="below"
    )
    assert NodeOptions(execution="workflow").over(below) == NodeOptions(execution="workflow")


def test_an_execution_from_below() -> None:
    assert NodeOptions(summary="s").over(NodeOptions(execution="local")) == NodeOptions(execution="local", summary="s")


@pytest.mark.parametrize(
    ("above", "below"),
    [(NodeOptions(task_queue="gpu"), "local"), (NodeOptions(start_to_close_timeout=MINUTE), "workflow")],
)
def test_an_execution_from_below_that_does_not_go_with_what_is_above(above: NodeOptions, below: Any) -> None:
    message = refused(lambda: above.over(NodeOptions(execution=below)))
    assert message.endswith(f"cannot be given with execution={below!r}; leave it out, or use execution='activity'.")


# -- On a graph -------------------------------------------------------------------------------------------------------


@dataclass
class Plain(BaseNode[None, None, int]):
    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


@dataclass
class Careful(BaseNode[None, None, int]):
    node_options: ClassVar = NodeOptions(start_to_close_timeout=MINUTE, summary="own")

    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


@dataclass
class Careless(BaseNode[None, None, int]):
    node_options: ClassVar = {"summary": "own"}

    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


def options_of(*nodes: Any, **words: Any) -> dict[str, NodeOptions]:
    return dict(InterruptibleGraph(list(nodes), name="nodes", **words).registered.options)


def test_every_node_has_options() -> None:
    assert options_of(Plain, Careful) == {
        "Plain": NodeOptions(execution="activity"),
        "Careful": NodeOptions(execution="activity", start_to_close_timeout=MINUTE, summary="own"),
    }


def test_options_of_the_graph_are_for_all_nodes() -> None:
    given = NodeOptions(summary="all", heartbeat_timeout=MINUTE)
    assert options_of(Plain, Careful, options=given) == {
        "Plain": NodeOptions(execution="activity", summary="all", heartbeat_timeout=MINUTE),
        "Careful": NodeOptions(
            execution="activity", summary="own", heartbeat_timeout=MINUTE, start_to_close_timeout=MINUTE
        ),
    }


def test_options_by_node_go_before_those_of_its_class() -> None:
    given = options_of(Plain, Careful, node_options={"Careful": NodeOptions(execution="local")})
    assert given["Careful"] == NodeOptions(execution="local")
    assert given["Plain"] == NodeOptions(execution="activity")


def test_options_of_nodes_that_are_not_there() -> None:
    given = {"Carefull": NodeOptions(), "Plain": NodeOptions(), "nobody": NodeOptions()}
    assert refused(lambda: options_of(Plain, Careful, node_options=given)) == (
        "node_options names 'Carefull', 'nobody', which graph 'nodes' has not. Its nodes: 'Plain', 'Careful'."
    )


def test_only_steps_have_options() -> None:
    g = GraphBuilder(name="steps", input_type=list[int], output_type=int, auto_instrument=False)

    @g.step
    async def add(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs

    def reduce(current: int, value: int) -> int:
        return current + value

    join = g.join(reduce, initial=0, node_id="total")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(add),
        g.edge_from(add).to(join),
        g.edge_from(join).to(g.end_node),
    )
    graph = g.build()
    assert list(TemporalGraph(graph, node_options={"add": NodeOptions()}).registered.options) == ["add"]
    for node_id in ("total", "each", "__start__", "__end__"):
        message = refused(lambda node_id=node_id: TemporalGraph(graph, node_options={node_id: NodeOptions()}))
        assert message == f"node_options names {node_id!r}, which graph 'steps' has not. Its nodes: 'add'."


@pytest.mark.parametrize("given", [{"summary": "s"}, 5, "local", NodeOptions])
def test_options_that_are_none(given: Any) -> None:
    message = f"The node_options of 'Plain' are {given!r}; they must be NodeOptions(...)."
    assert refused(lambda: options_of(Plain, node_options={"Plain": given})) == message


def test_options_of_a_class_that_are_none() -> None:
    message = "The node_options of 'Careless' are {'summary': 'own'}; they must be NodeOptions(...)."
    assert refused(lambda: options_of(Careless)) == message


@pytest.mark.parametrize(
    "given", [{"options": {"summary": "s"}}, {"options": 5}, {"node_options": NodeOptions()}, {"node_options": 5}]
)
def test_options_of_the_graph_that_are_none(given: Any) -> None:
    assert "NodeOptions" in refused(lambda: options_of(Plain, **given))


@pytest.mark.parametrize(
    ("name", "value"),
    [("retry_policy", 3), ("retry_policy", {"maximum_attempts": 3}), ("priority", 1), ("task_queue", 5)],
)
def test_options_of_the_wrong_type(name: str, value: Any) -> None:
    assert name in refused(lambda: options_of(Plain, options=NodeOptions(**{name: value})))


@pytest.mark.parametrize("number", [-1, 0, 1, 9])
def test_a_history_that_is_too_short(number: int) -> None:
    assert refused(lambda: options_of(Plain, max_history_events=number)) == (
        f"max_history_events is {number}; it must be at least 10, or runs would continue as new before they have done "
        "anything."
    )


@pytest.mark.parametrize("number", [None, 10, 5_000])
def test_a_history_that_is_long_enough(number: int | None) -> None:
    graph = InterruptibleGraph([Plain], name="nodes", max_history_events=number)
    assert graph.registered.max_history_events == number
