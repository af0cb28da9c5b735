"""What lies between the SDK's core and a run: it says in the worker's log why a run cannot go on, and mends the rest.

The SDK tells only which commands are others.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from temporalio.bridge.proto.workflow_activation import RemoveFromCache, WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner

from ..codec.text import members
from ..compile.shape import OTHERWISE, Shape, differs
from ..registry import RegisteredGraph
from .collecting import without_collecting
from .names import FIND_GRAPH
from .queries import Queries
from .together import bring_together

logger = logging.getLogger(__name__)


def watch(runner: WorkflowRunner) -> None:
    """Have the runs of a runner watched."""
    create: Callable[[WorkflowInstanceDetails], WorkflowInstance] = runner.create_instance

    def create_watched(details: WorkflowInstanceDetails) -> WorkflowInstance:
        instance = create(details)
        find = cast("Any", details).extern_functions.get(FIND_GRAPH)
        graph = None if find is None else find(details.info.workflow_type)
        if isinstance(graph, RegisteredGraph):
            _watch(instance, details.info.workflow_id, graph)
        return instance

    object.__setattr__(runner, "create_instance", create_watched)  # it is frozen


def _watch(instance: WorkflowInstance, run_id: str, graph: RegisteredGraph) -> None:
    activate = instance.activate
    before: Shape | None = None
    queries = Queries()

    @without_collecting
    def activate_watched(activation: WorkflowActivation) -> WorkflowActivationCompletion:
        nonlocal before
        for job in activation.jobs:
            if job.HasField("initialize_workflow"):
                before = _shape_in(job.initialize_workflow.arguments)
            elif job.HasField("remove_from_cache"):
                lost = job.remove_from_cache
                if lost.reason == RemoveFromCache.EvictionReason.NONDETERMINISM:
                    told = differs(before, graph.compiled.shape) or OTHERWISE
                    logger.error(
                        "Run %r of graph %r is blocked: %s (%s)", run_id, graph.name, told, _short(lost.message)
                    )
        bring_together(activation)
        completion = activate(activation)
        queries.tidy(activation, completion)
        return completion

    instance.activate = activate_watched  # type: ignore[method-assign]
    _remember_context(instance)


def _remember_context(instance: WorkflowInstance) -> None:
    """Have the SDK ask a run once what its payloads belong to; it asks three times for each, and enters the sandbox."""
    ask = instance.get_serialization_context
    own: list[SerializationContext | None] = []

    def get_context(command_info: Any) -> SerializationContext | None:
        if command_info is not None:
            return ask(command_info)
        if not own:
            own.append(ask(None))
        return own[0]

    instance.get_serialization_context = get_context  # type: ignore[method-assign]


def _short(message: str) -> str:
    """What the core says, without the structure around it."""
    found = re.search(r'message: "(.*?)", source: ', message)
    return message if found is None else found[1]


def _shape_in(arguments: Sequence[Any]) -> Shape | None:
    """The graph that a run began with, from its argument as it was decoded."""
    try:
        found: Mapping[str, str] = members(arguments[0].data.decode())
        return Shape.load(json.loads(found.get("graph", "null")))
    except Exception:  # it may be anything, and of any depth; the run itself says what is wrong with it
        return None
