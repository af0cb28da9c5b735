"""A pydantic-graph `Graph`, taken apart once: what the engine, the workers and the clients need of it."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import NoneType
from typing import Any

from pydantic_graph import Graph
from pydantic_graph.decision import Decision
from pydantic_graph.join import Join
from pydantic_graph.node import Fork
from pydantic_graph.step import NodeStep, Step

from ..codec import Codec, UnsupportedTypeError, ValueCodec
from ..codec.plan import plan_of
from ..engine.spec import END, GraphSpec, StepSpec
from ..engine.state import AUTO, Plan
from ..errors import GraphDefinitionError
from ..merge import Merge
from ..options import NodeOptions
from ..policies import InterruptPolicy
from . import hints
from .answers import AnswerForm, required_fields
from .build import Transforms, build, with_gotos
from .checks import check_async, check_plain
from .functions import CompiledFunctions, JoinCode, TransformChain
from .gotos import command_targets, gives_only_commands, without_commands
from .hints import Namespace
from .memory import driven, refuse_memory, refuse_memory_of_node
from .nodes import NodeCode, NodeRunner
from .policies import Policies, check_field, check_methods, own_policy
from .sends import check_sends
from .shape import Shape, shape_of
from .step_functions import StepFunction, step_functions
from .types import Types

__all__ = ["CompiledGraph", "compile_graph", "with_options"]


@dataclass(frozen=True)
class CompiledGraph:
    """A graph that can run.

    Attributes:
        name: Its name: the Temporal workflow type.
        graph: The author's graph.
        spec: The graph as plain data.
        functions: What the engine asks of user code.
        runner: Runs nodes.
        plan: How the state merges.
        inputs: The type of a run's inputs.
        state: The type of its state; None where there is none.
        output: The type of its output.
        nodes: Every step by id.
        targets: What each node takes, and the end.
        steps: The functions that nodes call with `step()`, by name.
        policies: How questions are asked.
        options: How its nodes are run.
    """

    name: str
    graph: Graph[Any, Any, Any, Any]
    spec: GraphSpec
    functions: CompiledFunctions
    runner: NodeRunner
    plan: Plan
    inputs: ValueCodec
    state: ValueCodec | None
    output: ValueCodec
    nodes: Mapping[str, NodeCode]
    targets: Mapping[str, ValueCodec]
    steps: Mapping[str, StepFunction]
    policies: Policies
    options: Mapping[str, NodeOptions] = field(default_factory=dict[str, NodeOptions])

    @cached_property
    def shape(self) -> Shape:
        """What it looks like, as far as its runs hang on it."""
        outputs = [code.output for code in self.nodes.values()]
        types = [self.inputs, self.state, self.output, *self.targets.values(), *outputs]
        return shape_of(self.spec, self.options, types)


def compile_graph(
    graph: Graph[Any, Any, Any, Any],
    name: str,
    namespace: Namespace,
    steps: Iterable[Any] = (),
    numbers: Merge | None = None,
) -> CompiledGraph:
    """Take a graph apart.

    Args:
        graph: A graph as `GraphBuilder.build` makes it.
        name: Its name.
        namespace: Names that annotations may use beside those of their own modules.
        steps: The functions that nodes call with `step()`.
        numbers: How the numbers of its state merge that do not say so themselves.

    Returns:
        The compiled graph.

    Raises:
        GraphDefinitionError: Something in it cannot cross between processes; says which node, and the cure.
    """
    if numbers is not None and not isinstance(numbers, Merge):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise GraphDefinitionError(
            f"numbers is {numbers!r}; it must be Merge.sum, Merge.last, Merge.max, Merge.min or Merge(function)."
        )
    return _Compiler(graph, name, namespace, numbers).compile(steps)


def with_options(graph: CompiledGraph, options: Mapping[str, NodeOptions]) -> CompiledGraph:
    """A graph with what its nodes' options say of questions.

    Raises:
        GraphDefinitionError: What a policy does after its time-out cannot be done, or what ends a vote never comes; or
            a node in the workflow remembers something itself.
    """
    steps = [known.function for known in graph.steps.values()]
    for node_id, code in graph.nodes.items():
        if options[node_id].execution == "workflow":
            node_type = getattr(code.step, "node_type", None)
            function = code.step.call if node_type is None else node_type.run
            refuse_memory_of_node(graph.name, node_id, function, steps)
    policies = {node_id: found.policy for node_id, found in options.items() if found.policy is not None}
    failing = [node_id for node_id in graph.nodes if options[node_id].on_failure == "interrupt"]
    graph.policies.follow(policies, failing, graph.functions)
    nodes = {
        node_id: replace(node, asks_on_failure=True) if isinstance(node, StepSpec) and node_id in failing else node
        for node_id, node in graph.spec.nodes.items()
    }
    return replace(graph, spec=GraphSpec(graph.spec.name, nodes), options=options)


class _Compiler:
    def __init__(
        self, graph: Graph[Any, Any, Any, Any], name: str, namespace: Namespace, numbers: Merge | None
    ) -> None:
        self.numbers = numbers
        self.graph = graph
        self.name = name
        self.namespace = namespace
        self.types = Types(graph, namespace)
        self.codec = Codec()

    def compile(self, functions: Iterable[Any]) -> CompiledGraph:
        for node in self.graph.nodes.values():
            if isinstance(node, NodeStep):
                check_field(node.node_type)
                required_fields(node.node_type, self.namespace)
            if isinstance(node, Step):
                check_async(self.name, node)
        check_sends(self.types.anew())
        spec, transforms = build(self.graph, self.name, lambda node_id: gives_only_commands(self.types.gives(node_id)))
        refuse_memory(self.graph, self.name, transforms)
        for each in driven(self.graph, transforms):
            check_plain(self.name, each)
        inputs = self._codec_of(self.types.gives("__start__"), "the graph's inputs")
        state, plan = self._state()
        steps: dict[str, Step[Any, Any, Any, Any]] = {
            str(node.id): node for node in self.graph.nodes.values() if isinstance(node, Step)
        }
        takes: dict[str, ValueCodec] = {node_id: self._step_inputs(node_id, step) for node_id, step in steps.items()}
        takes[END] = self._codec_of(self.types.takes(END), "the graph's output")
        joins = self._joins()
        edges = {node.id for node in spec.nodes.values() if isinstance(node, StepSpec) and node.path is not None}
        gotos = {node_id: self._gotos(step, {*takes, *joins}) for node_id, step in steps.items()}
        spec = with_gotos(spec, gotos)
        nodes = {
            node_id: NodeCode(node_id, step, takes[node_id], self._output(step), gotos[node_id], node_id in edges)
            for node_id, step in steps.items()
        }
        targets = {**takes, **{join_id: join.inputs for join_id, join in joins.items()}}
        forms = self._forms(spec, steps)
        nodes_of_classes = frozenset(node_id for node_id, step in steps.items() if isinstance(step, NodeStep))
        policies = self._policies(steps, takes, nodes_of_classes, forms, state, plan)
        known = step_functions(functions, self.codec, self.name, steps)
        compiled = CompiledFunctions(
            self.codec,
            inputs=takes,
            nodes=nodes_of_classes,
            items=self._items(),
            transforms=self._transforms(spec, transforms),
            decisions={node.id: node for node in self.graph.nodes.values() if isinstance(node, Decision)},
            joins=joins,
            forms=forms,
            outputs={node_id: code.output if code.has_edge else None for node_id, code in nodes.items()},
            state=state,
            plan=plan,
            policies=policies,
        )
        runner = NodeRunner(self.codec, nodes, targets, state, plan, known, policies)
        self.codec.complete()
        return CompiledGraph(
            self.name,
            self.graph,
            spec,
            compiled,
            runner,
            plan,
            inputs,
            state,
            takes[END],
            nodes,
            takes,
            known,
            policies,
        )

    def _policies(
        self,
        steps: Mapping[str, Step[Any, Any, Any, Any]],
        takes: Mapping[str, ValueCodec],
        nodes: Collection[str],
        forms: Mapping[str, AnswerForm],
        state: ValueCodec | None,
        plan: Plan,
    ) -> Policies:
        own: dict[str, InterruptPolicy] = {}
        for node_id, step in steps.items():
            if isinstance(step, NodeStep):
                check_methods(step.node_type)
                policy = own_policy(step.node_type)
                if policy is not None:
                    own[node_id] = policy
        return Policies(self.name, takes, nodes, own, forms, state, plan)

    def _codec_of(self, type_: Any, what: str) -> ValueCodec:
        try:
            return self.codec.of(Any if type_ is hints.UNKNOWN else type_)
        except UnsupportedTypeError as error:
            raise GraphDefinitionError(
                f"In graph {self.name!r}, {what} cannot cross between processes: {error}"
            ) from error

    def _state(self) -> tuple[ValueCodec | None, Plan]:
        type_ = self.types.state()
        if type_ is NoneType:
            return None, AUTO
        codec = self._codec_of(type_, "the state")
        return codec, plan_of(type_, self.codec, self.numbers)

    def _step_inputs(self, node_id: str, step: Step[Any, Any, Any, Any]) -> ValueCodec:
        if isinstance(step, NodeStep):
            return self._codec_of(step.node_type, f"node {node_id!r}")
        return self._codec_of(self.types.takes(node_id), f"what step {node_id!r} takes (ctx.inputs)")

    def _output(self, step: Step[Any, Any, Any, Any]) -> ValueCodec | None:
        if isinstance(step, NodeStep):
            return None
        type_ = self.types.gives(step.id)
        if type_ is hints.UNKNOWN:
            raise GraphDefinitionError(
                f"Nothing says what step {step.id!r} of graph {self.name!r} returns. Annotate it: "
                f"async def {step.id}(ctx: StepContext[...]) -> ..."
            )
        return self._codec_of(without_commands(type_), f"what step {step.id!r} returns")

    def _gotos(self, step: Step[Any, Any, Any, Any], known: Container[str]) -> tuple[str, ...]:
        """Where the commands that a step returns lead, as far as it says."""
        if isinstance(step, NodeStep):
            return ()
        targets = command_targets(self.types.gives(step.id))
        unknown = [target for target in targets if target not in known]
        if unknown:
            names, nodes = (", ".join(map(repr, ids)) for ids in (unknown, self.graph.nodes))
            raise GraphDefinitionError(
                f"Step {step.id!r} of graph {self.name!r} returns a Command to {names}, which is no node of the graph. "
                f"Its nodes: {nodes}."
            )
        return targets

    def _joins(self) -> dict[str, JoinCode]:
        joins: dict[str, JoinCode] = {}
        for node in self.graph.nodes.values():
            if isinstance(node, Join):
                inputs = self._codec_of(self.types.takes(node.id), f"what join {node.id!r} takes")
                joined = self._codec_of(self.types.gives(node.id), f"what join {node.id!r} gives")
                joins[node.id] = JoinCode.of(node, inputs, joined)
        return joins

    def _items(self) -> dict[str, ValueCodec | None]:
        items: dict[str, ValueCodec | None] = {}
        for node in self.graph.nodes.values():
            if isinstance(node, Fork) and node.is_map:
                type_ = self.types.gives(node.id)
                items[node.id] = (
                    None if type_ is hints.UNKNOWN else self._codec_of(type_, f"an item of map {node.id!r}")
                )
        return items

    def _transforms(
        self, spec: GraphSpec, transforms: Transforms
    ) -> dict[str, tuple[TransformChain, ValueCodec | None]]:
        made: dict[str, tuple[TransformChain, ValueCodec | None]] = {}
        for path_id, functions in transforms.items():
            type_ = hints.of_transform(path_id, functions[-1], self.namespace).output
            codec = (
                None if type_ is hints.UNKNOWN else self._codec_of(type_, f"what the transform on {path_id!r} returns")
            )
            made[path_id] = (TransformChain(path_id, functions), codec)
        return made

    def _forms(self, spec: GraphSpec, steps: Mapping[str, Step[Any, Any, Any, Any]]) -> dict[str, AnswerForm]:
        forms: dict[str, AnswerForm] = {}
        for node_id, step in steps.items():
            node = spec.nodes[node_id]
            if isinstance(node, StepSpec) and node.waits and isinstance(step, NodeStep):
                try:
                    forms[node_id] = AnswerForm(step.node_type, self.codec, self.namespace)
                except UnsupportedTypeError as error:
                    raise GraphDefinitionError(
                        f"A Required field of node {node_id!r} cannot be answered: {error}"
                    ) from error
        return forms
