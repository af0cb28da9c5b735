"""The words with which a run is told what to do: `Send`, `Command`, and what is said to the failure of a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, cast

from pydantic_graph import BaseNode, Decision, End, GraphBuilder, StepContext
from typing_extensions import TypeVar

from .errors import GraphDefinitionError

__all__ = ["Abort", "Command", "Retry", "Send", "Skip", "send_to"]

TargetT = TypeVar("TargetT", default=Any)


class _Nothing:
    """No answer at all; None can be one."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()


@dataclass(frozen=True)
class Send:
    """A node, and what it is given.

    Attributes:
        node: The id of a node.
        arg: What it gets as its input.
    """

    node: str
    arg: Any = None


@dataclass(frozen=True)
class Command(Generic[TargetT]):
    """What is to happen to a run, in one step: an answer, changes to its state, and where it goes on.

    Sent to a run with `resume` or `proceed`, it does all of it or nothing. A step may return one with `goto`; what it
    says of its targets, `-> Command[Literal["publish", "rewrite"]]`, is what the joins below wait for.

    Attributes:
        resume: The answer to the open question; left out, nothing is answered.
        update: Fields of the state with their new values.
        goto: Where the run goes on: a node's id, a node instance, `Send(id, input)`, or `End(output)`.
    """

    resume: Any = field(default=NOTHING)
    update: Mapping[str, Any] | None = None
    goto: TargetT | str | BaseNode[Any, Any, Any] | Send | End[Any] | None = None

    @property
    def is_answer(self) -> bool:
        """Whether it answers a question."""
        return self.resume is not NOTHING


@dataclass(frozen=True)
class Retry:
    """To the failure of a node: let it run again.

    Attributes:
        inputs: What it gets this time, instead of what it got; None for the same.
        action: What it is called as JSON.
    """

    inputs: Any = None
    action: Literal["retry"] = field(default="retry", init=False)


@dataclass(frozen=True)
class Skip:
    """To the failure of a node: go on as if it had returned this.

    Attributes:
        output: Its output, of the type that the node declares.
        action: What it is called as JSON.
    """

    output: Any = None
    action: Literal["skip"] = field(default="skip", init=False)


@dataclass(frozen=True)
class Abort:
    """To the failure of a node: let the run fail with it.

    Attributes:
        action: What it is called as JSON.
    """

    action: Literal["abort"] = field(default="abort", init=False)


@dataclass(frozen=True)
class SendsTo:
    """Matches what is sent to one node.

    Attributes:
        node_id: The node.
    """

    node_id: str

    def __call__(self, value: Any) -> bool:
        """Whether it is."""
        return isinstance(value, Send) and value.node == self.node_id

    def __repr__(self) -> str:
        return f"Send({self.node_id!r}, ...)"


def send_to(
    graph: GraphBuilder[Any, Any, Any, Any], *nodes: Any, node_id: str | None = None
) -> Decision[Any, Any, Any]:
    """Where an edge leads that carries a list of `Send`s: to each of some nodes, as the list says.

    `g.edge_from(plan).map().to(send_to(g, check, write))` starts all of them in parallel. The nodes are declared here,
    so joins know what they wait for, and the diagram shows the edges. It is made of what pydantic-graph has: a map,
    and a decision.

    Args:
        graph: The builder of the graph.
        nodes: Steps, joins and classes of nodes that can be sent to.
        node_id: The id of the decision. Default: `send_to_` with the ids of the nodes.

    Raises:
        GraphDefinitionError: No nodes are given, or something that is none.
    """
    if not nodes:
        raise GraphDefinitionError("send_to() needs the nodes that may be sent to: send_to(g, check, write).")
    ids = [_id_of(node) for node in nodes]
    decision: Any = graph.decision(node_id=node_id or "send_to_" + "_".join(ids))
    for name, node in zip(ids, nodes, strict=True):
        decision = decision.branch(graph.match(Send, matches=SendsTo(name)).transform(_arg).to(node))
    return decision


def _arg(ctx: StepContext[Any, Any, Send]):
    return ctx.inputs.arg


def _id_of(node: Any) -> str:
    if isinstance(node, type) and issubclass(node, BaseNode):
        return node.get_node_id()
    found: Any = getattr(cast("Any", node), "id", None)
    if not isinstance(found, str):
        raise GraphDefinitionError(f"send_to() got {node!r}; it takes steps, joins and classes of nodes.")
    return found
