"""What a user wraps a graph with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, cast

from pydantic_graph import BaseNode, Graph, Step
from typing_extensions import TypeVar

from . import sending
from .client import GraphRun
from .codec.text import compact
from .compile import CompiledGraph, compile_graph, with_options
from .compile.hints import Namespace
from .engine.breakpoints import NO_BREAKPOINTS, Breakpoints
from .errors import GraphDefinitionError, GraphInputError, RunNotFoundError
from .merge import Merge
from .naming import assigned_name, checked_name
from .node_classes import graph_of
from .options import NodeOptions
from .policies import InterruptPolicy
from .registry import RegisteredGraph
from .starting import (
    answer_in,
    breakpoint_policies,
    check_breakpoints,
    digest,
    dump_given,
    dump_start,
    read_breakpoints,
    waits,
)
from .temporal.options import check_options
from .views import GraphResult, Stop, read_stop

if TYPE_CHECKING:
    from temporalio.client import Client

    from .local import LocalRun

__all__ = ["InterruptibleGraph", "TemporalGraph"]

StateT = TypeVar("StateT", default=Any)
DepsT = TypeVar("DepsT", default=Any)
InputT = TypeVar("InputT", default=Any)
OutputT = TypeVar("OutputT", default=Any)

Breaks: TypeAlias = Sequence[str] | str | Mapping[Any, InterruptPolicy | None]
"""Nodes to stop at; in a mapping, with how each of them is asked about."""

LEAST_EVENTS = 10
"""A run that continued as new before it could do anything would do so for ever."""


class TemporalGraph(Generic[StateT, DepsT, InputT, OutputT]):
    """A pydantic-graph graph that runs on Temporal, or in this process.

    Args:
        graph: A graph as `GraphBuilder.build()` makes it; it stays as it is.
        name: The graph's name, and the Temporal workflow type of its runs. It must be the same in every process and
            release. Default: the graph's own, or else the name of the variable that this is assigned to.
        options: How its nodes are run.
        node_options: How single nodes are run, by node id; goes before a node class's own `node_options`.
        max_history_events: Length of history after which a run continues as new. Default: when the server suggests it.
        interrupt_before: Ids of the nodes before which a run stops for people; `"*"` for all of them. In a mapping,
            `{"publish": InterruptPolicy(...)}`, each with the policy that its breakpoint is asked with, whoever set it;
            where that is None, it is the one of `"*"`, or else that of the node's options.
        interrupt_after: Ids of the nodes after which it does, likewise.
        steps: The functions that nodes with `execution="workflow"` call with `step()`.
        numbers: How parallel branches merge the numbers of the state that do not say so themselves: `Merge.sum` adds up
            what each of them has added, as where they share one state. Default: a number that two of them changed is a
            conflict.

    Attributes:
        name: The graph's name.
        graph: The graph.
        registered: What plugins and workers need of it.

    Raises:
        GraphDefinitionError: Something in the graph cannot cross between processes, or the options do not fit it.
    """

    def __init__(
        self,
        graph: Graph[StateT, DepsT, InputT, OutputT],
        *,
        name: str | None = None,
        options: NodeOptions | None = None,
        node_options: Mapping[str, NodeOptions] | None = None,
        max_history_events: int | None = None,
        interrupt_before: Breaks = (),
        interrupt_after: Breaks = (),
        steps: Sequence[Callable[..., Any]] = (),
        numbers: Merge | None = None,
    ) -> None:
        if not isinstance(graph, Graph):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise GraphDefinitionError(
                f"TemporalGraph takes a pydantic_graph.Graph, as GraphBuilder.build() makes it, and got {graph!r}. For "
                "a list of node classes there is InterruptibleGraph(nodes=[...])."
            )
        self.name = _name(name, graph)
        self.graph = graph
        compiled = compile_graph(graph, self.name, _callers_names(), steps, numbers)
        _check_events(max_history_events)
        resolved = _resolve_options(compiled, options, node_options or {})
        self._compiled = with_options(compiled, resolved)
        breakpoints = _breakpoints(self._compiled, interrupt_before, interrupt_after)
        self.registered = RegisteredGraph(self._compiled, resolved, max_history_events, breakpoints)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, nodes={list(self._compiled.nodes)!r})"

    # -- On Temporal ------------------------------------------------------------------------------------------------

    async def start(
        self,
        client: Client,
        from_node: BaseNode[StateT, Any, Any] | None = None,
        *,
        inputs: InputT | None = None,
        state: StateT | None = None,
        id: str,
        task_queue: str,
        interrupt_before: Sequence[str] | str | None = None,
        interrupt_after: Sequence[str] | str | None = None,
        **start_options: Any,
    ) -> GraphRun[OutputT, StateT]:
        """Start a run.

        Args:
            client: A Temporal client.
            from_node: A node to start at, instead of the graph's start.
            inputs: The graph's inputs.
            state: Its first state. Default: the state type made of nothing, if it can be.
            id: The run's id: one of your own, such as `order-17`; Temporal lets no two runs of one id be open at once.
            task_queue: The task queue of the workers that run it.
            interrupt_before: Ids of the nodes before which the run stops for people, `"*"` for all; with
                `interrupt_after`, this takes the place of what the graph says. It takes no policies: they are the
                graph's.
            interrupt_after: Ids of the nodes after which it does.
            start_options: Whatever else Temporal's `Client.start_workflow` takes.

        Returns:
            The run.

        Raises:
            GraphInputError: The inputs or the state are not what the graph declares. Nothing was started.
            RunExistsError: The id is taken.
        """
        from .temporal import client as calls  # see GraphRun

        id, task_queue = sending.id_of_run(id), sending.queue_of_workers(task_queue)
        message = self._dump_start(from_node, inputs, state, interrupt_before, interrupt_after)
        argument = calls.start_argument(client, message)
        await calls.start(client, self.name, argument, id=id, task_queue=task_queue, **start_options)
        return self.get_run(client, id)

    def start_argument(
        self,
        from_node: BaseNode[StateT, Any, Any] | None = None,
        *,
        inputs: InputT | None = None,
        state: StateT | None = None,
        interrupt_before: Sequence[str] | str | None = None,
        interrupt_after: Sequence[str] | str | None = None,
    ) -> dict[str, Any]:
        """What a run is started with where something else than `start` does it.

        The workflow of a run has the graph's name for a type, and takes one argument: this. It is for child workflows
        and schedules, and as JSON for clients in other languages. What the graph says of its questions and breakpoints
        is in it, as of now.

        Args:
            from_node: See `start`.
            inputs: See `start`.
            state: See `start`.
            interrupt_before: See `start`.
            interrupt_after: See `start`.

        Returns:
            A JSON object. Give it to Temporal's Python SDK as it is, not as a copy: of a `dict` of another kind that
            sorts the keys.

        Raises:
            GraphInputError: The inputs or the state are not what the graph declares.
        """
        from .temporal.payloads import start_argument  # see GraphRun

        return start_argument(self._dump_start(from_node, inputs, state, interrupt_before, interrupt_after))

    def _dump_start(self, from_node: Any, inputs: Any, state: Any, before: Any, after: Any) -> dict[str, str | None]:
        message = dump_start(self._compiled, from_node, inputs, state)
        message.update(self._dump_breakpoints(before, after))
        return message

    def _dump_breakpoints(self, before: Any, after: Any) -> dict[str, str]:
        given = read_breakpoints(before, after)
        if given is None:
            given = self.registered.breakpoints
            if given == NO_BREAKPOINTS:
                return {}
        check_breakpoints(self._compiled, given)
        # Also those of the graph itself: another release of it may have others, and runs that began keep theirs.
        return {"interrupt_before": compact(given.before), "interrupt_after": compact(given.after)}

    def get_run(self, client: Client, id: str) -> GraphRun[OutputT, StateT]:
        """The run of an id, which may have been started anywhere, at any time. Asks the server nothing yet.

        Raises:
            GraphInputError: It is no id.
        """
        return GraphRun(self._compiled, client, sending.id_of_run(id))

    async def run(
        self,
        client: Client,
        from_node: BaseNode[StateT, Any, Any] | None = None,
        *,
        inputs: InputT | None = None,
        state: StateT | None = None,
        id: str,
        task_queue: str,
        **start_options: Any,
    ) -> GraphResult[OutputT, StateT]:
        """Start a run and wait for its end; see `start` and `GraphRun.result`."""
        run = await self.start(
            client, from_node, inputs=inputs, state=state, id=id, task_queue=task_queue, **start_options
        )
        return await run.result()

    async def proceed(
        self,
        client: Client,
        *,
        id: str,
        from_node: BaseNode[StateT, Any, Any] | None = None,
        inputs: InputT | None = None,
        state: StateT | None = None,
        task_queue: str | None = None,
        actor: str | None = None,
        comment: str | None = None,
        interrupt_before: Sequence[str] | str | None = None,
        interrupt_after: Sequence[str] | str | None = None,
        **start_options: Any,
    ) -> Stop[OutputT, StateT]:
        """Start a run, or go on with it, and wait for where it stops next; in one round trip.

        If there is no run with this id, one is started. If there is, and `from_node` is an interrupt node with its
        `Required` fields set, those are the answer; otherwise this only waits. Inputs, state and a node that
        does not wait are for a new run: the same ones do no harm, so that a call may be repeated, but other ones are an
        error.

        Args:
            client: A Temporal client.
            id: The run's id.
            from_node: The node to start at; or the node that waits, with the answer in it.
            inputs: The inputs, for a run that is to be started at the graph's start.
            state: The first state, for a run that is to be started.
            task_queue: The workers' task queue; without it only a run that exists can go on.
            actor: Who answers, for a node with an answer in it.
            comment: What there is to say besides; `audit` has it, with the answer.
            interrupt_before: See `start`; for a run that is to be started.
            interrupt_after: See `start`; for a run that is to be started.
            start_options: Whatever else Temporal's `Client.start_workflow` takes.

        Returns:
            Where the run stopped.

        Raises:
            AnswerRefusedError: The answer is not taken; the run is as it was.
            GraphInputError: The run cannot be started with this.
            RunExistsError: It was started with other inputs or another state.
            GraphRunError: The run failed.
            RunNotFoundError: There is no such run, and no task queue to start one on.
        """
        from .temporal import client as calls  # see GraphRun
        from .temporal import proceeding

        id = sending.id_of_run(id)
        if task_queue is not None:
            task_queue = sending.queue_of_workers(task_queue)
        answer = answer_in(self._compiled, from_node)
        if answer is not None:
            answer.update(answer_id=calls.new_id(), actor=sending.text_of("actor", actor), **sending.said(comment))
        given = digest(dump_given(self._compiled, from_node, inputs, state))
        if from_node is not None and waits(self._compiled, from_node):
            del given["start_node"]  # it says where the run is thought to be, and perhaps the answer
        if task_queue is None:
            return read_stop(self._compiled, await proceeding.proceed(client, id, answer, given=given))
        try:
            message = dump_start(self._compiled, from_node, inputs, state)
        except GraphInputError as error:
            if not (from_node is inputs is state is None):
                raise
            # Nothing to start with: it must be a run that is there.
            try:
                return read_stop(self._compiled, await proceeding.proceed(client, id, None))
            except RunNotFoundError:
                raise error from None
        message.update(self._dump_breakpoints(interrupt_before, interrupt_after))
        if answer is not None:
            message["answer_id"] = f'"{answer["answer_id"]}"'
        argument = calls.start_argument(client, message)
        stop = await proceeding.start_or_proceed(
            client, self.name, argument, answer, given, id=id, task_queue=task_queue, **start_options
        )
        return read_stop(self._compiled, stop)

    # -- Here -------------------------------------------------------------------------------------------------------

    def local(
        self,
        *,
        deps: Any = None,
        interrupt_before: Sequence[str] | str | None = None,
        interrupt_after: Sequence[str] | str | None = None,
    ) -> LocalRun[OutputT, StateT]:
        """A run in this process, by the same engine and without a server: for unit tests and scripts.

        Args:
            deps: What nodes see as `ctx.deps`: a value, a function that makes one, or an async context manager, as for
                `GraphPlugin`. Where a worker has them from its start to its stop, a run in this process has them while
                it runs: every `proceed` and `result` makes or enters them, and leaves them when it returns.
            interrupt_before: See `start`.
            interrupt_after: See `start`.

        Raises:
            DepsError: The deps are a context manager that was used up.
            GraphInputError: There is no such node to stop at.
        """
        from .local import LocalRun  # here, because modules of nodes do without

        breakpoints = read_breakpoints(interrupt_before, interrupt_after)
        check_breakpoints(self._compiled, breakpoints or NO_BREAKPOINTS)
        return LocalRun(self.registered, deps, breakpoints)


class InterruptibleGraph(TemporalGraph[StateT, DepsT, Any, OutputT]):
    """A graph made of a list of `BaseNode` classes, which can start at any of them.

    Args:
        nodes: The node classes; the first is not special.
        name: The graph's name; see `TemporalGraph`. Default: the name of the variable that the graph is assigned to.
        state_type: The type of the state. Default: what the nodes declare.
        deps_type: The type of the deps.
        output_type: The type of the output. Default: what the nodes declare with `End[...]`.
        options: See `TemporalGraph`.
        node_options: See `TemporalGraph`.
        max_history_events: See `TemporalGraph`.
        interrupt_before: See `TemporalGraph`.
        interrupt_after: See `TemporalGraph`.
        steps: See `TemporalGraph`.
        numbers: See `TemporalGraph`.
    """

    def __init__(
        self,
        nodes: Sequence[type[BaseNode[StateT, DepsT, OutputT]]],
        *,
        name: str | None = None,
        state_type: type[StateT] | None = None,
        deps_type: type[DepsT] | None = None,
        output_type: type[OutputT] | None = None,
        options: NodeOptions | None = None,
        node_options: Mapping[str, NodeOptions] | None = None,
        max_history_events: int | None = None,
        interrupt_before: Breaks = (),
        interrupt_after: Breaks = (),
        steps: Sequence[Callable[..., Any]] = (),
        numbers: Merge | None = None,
    ) -> None:
        name = _name(name)
        graph = graph_of(nodes, name, state_type, deps_type, output_type)
        super().__init__(
            graph,
            name=name,
            options=options,
            node_options=node_options,
            max_history_events=max_history_events,
            interrupt_before=interrupt_before,
            interrupt_after=interrupt_after,
            steps=steps,
            numbers=numbers,
        )


def _breakpoints(graph: CompiledGraph, before: Any, after: Any) -> Breakpoints:
    sides: dict[str, Any] = {"before": before, "after": after}
    try:
        policies = {side: breakpoint_policies(f"interrupt_{side}", given) for side, given in sides.items()}
        ids = (
            list(cast("Mapping[Any, Any]", given)) if isinstance(given, Mapping) else given for given in sides.values()
        )
        found = read_breakpoints(*ids) or NO_BREAKPOINTS
        check_breakpoints(graph, found)
    except GraphInputError as error:
        raise GraphDefinitionError(str(error)) from error
    for side, given in policies.items():
        graph.policies.stop(side, given)
    return found


def _check_events(limit: Any) -> None:
    if limit is not None and (not isinstance(limit, int) or limit < LEAST_EVENTS):
        raise GraphDefinitionError(
            f"max_history_events is {limit!r}; it must be at least {LEAST_EVENTS}, or runs would continue as new "
            "before they have done anything."
        )


def _name(name: Any, graph: Graph[Any, Any, Any, Any] | None = None) -> str:
    """The name that was given, or else the graph's own, or else that of the variable it is all assigned to."""
    if name is None or name == "":
        name = (graph.name if graph is not None else None) or _assigned_name()
    if name is None:
        raise GraphDefinitionError(
            "The graph has no name. Give it one, such as name='refund'. It is the Temporal workflow type of its runs, "
            "and must be the same in every process and release."
        )
    return checked_name(name, () if graph is None else (n.id for n in graph.nodes.values() if isinstance(n, Step)))


def _caller() -> FrameType | None:
    """Where a graph is wrapped."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") in (__name__, "typing"):
        frame = frame.f_back
    return frame


def _assigned_name() -> str | None:
    frame = _caller()
    return None if frame is None else assigned_name(frame)


def _callers_names() -> Namespace:
    """The local names around the call that wraps a graph, for annotations that name what is defined there."""
    frame = _caller()
    if frame is None or frame.f_locals is frame.f_globals:
        return Namespace()  # at the top of a module: they are for its own functions, which see them anyway
    return Namespace(dict(frame.f_locals), frame.f_globals, frame.f_code.co_qualname)


def _resolve_options(
    graph: CompiledGraph, options: NodeOptions | None, by_node: Mapping[str, NodeOptions]
) -> dict[str, NodeOptions]:
    if options is not None and not isinstance(options, NodeOptions):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise GraphDefinitionError(f"options is {options!r}; it must be NodeOptions(...), for all nodes.")
    if not isinstance(by_node, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise GraphDefinitionError(
            f"node_options is {by_node!r}; it must be a mapping, {{'node id': NodeOptions(...)}}."
        )
    unknown = [node_id for node_id in by_node if node_id not in graph.nodes and node_id not in graph.steps]
    if unknown:
        raise GraphDefinitionError(
            f"node_options names {', '.join(repr(n) for n in unknown)}, which graph {graph.name!r} has not. Its nodes: "
            f"{', '.join(repr(node_id) for node_id in (*graph.nodes, *graph.steps))}."
        )
    resolved: dict[str, NodeOptions] = {}
    for node_id, code in graph.nodes.items():
        own = getattr(getattr(code.step, "node_type", None), "node_options", None)
        found = by_node.get(node_id, own)
        if found is not None and not isinstance(found, NodeOptions):
            raise GraphDefinitionError(f"The node_options of {node_id!r} are {found!r}; they must be NodeOptions(...).")
        try:
            resolved[node_id] = (found or NodeOptions()).over(options or NodeOptions())
        except GraphDefinitionError as error:
            raise GraphDefinitionError(f"The options of node {node_id!r}: {error}") from error
        check_options(node_id, resolved[node_id])
    for name in graph.steps:
        resolved[name] = _step_options(name, by_node.get(name), options)
    return resolved


def _step_options(name: str, own: NodeOptions | None, options: NodeOptions | None) -> NodeOptions:
    """The options of a function that nodes call with `step()`: it is always an activity."""
    if own is not None and own.execution not in (None, "activity"):
        raise GraphDefinitionError(
            f"The options of function {name!r}: execution is {own.execution!r}; what step() calls is an activity."
        )
    resolved = replace((own or NodeOptions()).over(options or NodeOptions()), execution="activity")
    check_options(name, resolved)
    return resolved
