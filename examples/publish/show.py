"""What the demo shows: a graph as a list, and nodes as they finish."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import sys
from collections.abc import Iterator
from typing import Any, cast

from pydantic_graph import Decision, Fork, Graph, Join, Step
from pydantic_graph.paths import DestinationMarker, LabelMarker, Path
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHandle

HAS_STYLE = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") not in (None, "", "dumb")
HEADING_WIDTH = 40
DRAFT_LINES = 60
START, END = "__start__", "__end__"


def bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if HAS_STYLE else text


def dim(text: str) -> str:
    return f"\x1b[2m{text}\x1b[0m" if HAS_STYLE and text else text


def title(text: str) -> None:
    print(f"\n{bold(text)}\n")


def show_draft(text: str) -> None:
    """Show a text apart from what the demo says itself."""
    lines = text.rstrip("\n").split("\n")
    for line in lines[:DRAFT_LINES]:
        print(f"  │ {line}".rstrip())
    if len(lines) > DRAFT_LINES:
        print(f"  │ ... and {len(lines) - DRAFT_LINES} more lines")


# -- The graph --------------------------------------------------------------------------------------------------------


def show_graph(graph: Graph[Any, Any, Any, Any]) -> None:
    """List a graph's nodes: where each leads, and what it does."""
    rows = [(_shown(node_id), _leads_to(graph, node_id), _does(graph, node_id)) for node_id in _in_order(graph)]
    names = max(len(name) for name, _, _ in rows)
    ways = max(len(way) for _, way, _ in rows)
    for name, way, does in rows:
        print(f"  {name.ljust(names)}  {way.ljust(ways)}  {dim(does)}".rstrip())


def _in_order(graph: Graph[Any, Any, Any, Any]) -> list[str]:
    """The nodes in the order in which a run reaches them; forks and the end have no line of their own."""
    order, found = [START], {START}
    for node_id in order:
        for _, following in _next(graph, node_id):
            if following not in found:
                found.add(following)
                order.append(following)
    return [node_id for node_id in order if node_id != END and not isinstance(graph.nodes[_id(node_id)], Fork)]


def _next(graph: Graph[Any, Any, Any, Any], node_id: str) -> Iterator[tuple[str, str]]:
    """The labels of the ways out of a node, and the nodes that they lead to."""
    node = graph.nodes[_id(node_id)]
    paths: list[Path] = list(graph.edges_by_source.get(_id(node_id), ()))
    if isinstance(node, Decision):
        paths = [branch.path for branch in node.branches]
    for path in paths:
        label = next((item.label for item in path.items if isinstance(item, LabelMarker)), "")
        for item in path.items:
            if isinstance(item, DestinationMarker):
                yield label, item.destination_id


def _leads_to(graph: Graph[Any, Any, Any, Any], node_id: str) -> str:
    ways: list[str] = []
    for label, following in _next(graph, node_id):
        node = graph.nodes[_id(following)]
        if isinstance(node, Fork):
            inner = " + ".join(_shown(target) for _, target in _next(graph, following))
            ways.append(f"{inner}, for each of {following}" if node.is_map else inner)
        else:
            ways.append(f"{label} → {_shown(following)}" if label else _shown(following))
    text = ", ".join(ways)
    return text if isinstance(graph.nodes[_id(node_id)], Decision) else f"→ {text}"


def _does(graph: Graph[Any, Any, Any, Any], node_id: str) -> str:
    node = graph.nodes[_id(node_id)]
    if isinstance(node, Step):
        return (inspect.getdoc(node.call) or "").partition("\n")[0]
    if isinstance(node, Join):
        return "A join: goes on when all of them have arrived."
    return "A decision." if isinstance(node, Decision) else ""


def _shown(node_id: str) -> str:
    return {START: "start", END: "end"}.get(node_id, node_id)


def _id(node_id: str) -> Any:
    return node_id  # ids are strings of a type of their own


# -- The run ----------------------------------------------------------------------------------------------------------


class Nodes:
    """Shows the nodes of a run as they finish, from the run's history."""

    def __init__(self, handle: WorkflowHandle[Any, Any]) -> None:
        self._handle = handle
        self._scheduled: dict[int, HistoryEvent] = {}
        self._seen = asyncio.Condition()
        self._last_event = 0

    async def follow(self) -> None:
        """Show them until the run ends. The server tells of each event when it happens; no worker is needed."""
        try:
            async for event in self._handle.fetch_history_events(wait_new_event=True):
                self._show(event)
                await self._has_shown(event.event_id)
        finally:
            await self._has_shown(sys.maxsize)  # there is nothing more to wait for

    async def _has_shown(self, event_id: int) -> None:
        async with self._seen:
            self._last_event = event_id
            self._seen.notify_all()

    async def shown(self) -> None:
        """Wait until everything that has happened by now is shown."""
        length = (await self._handle.describe()).history_length
        async with self._seen:
            await self._seen.wait_for(lambda: self._last_event >= length)

    def _show(self, event: HistoryEvent) -> None:
        match event.event_type:
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                self._scheduled[event.event_id] = event
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                done = event.activity_task_completed_event_attributes
                asks = "interrupt" in _json(done.result.payloads[0].data)
                self._print("?" if asks else "✓", done.scheduled_event_id, event, "asks a person" if asks else "")
            case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
                failed = event.activity_task_failed_event_attributes
                self._print("✗", failed.scheduled_event_id, event, failed.failure.message)
            case _:
                pass

    def _print(self, mark: str, scheduled_id: int, event: HistoryEvent, note: str) -> None:
        scheduled = self._scheduled.pop(scheduled_id)
        attributes = scheduled.activity_task_scheduled_event_attributes
        node_id = attributes.activity_type.name.partition(".")[2]
        took = event.event_time.ToMilliseconds() - scheduled.event_time.ToMilliseconds()
        what = note or _heading(attributes.input.payloads[0].data)
        if len(what) > HEADING_WIDTH and not note:
            what = what[: HEADING_WIDTH - 3] + "..."
        print(f"  {mark} {node_id:<8} {what:<{HEADING_WIDTH}} {dim(f'{took:>6,} ms')}", flush=True)


def _heading(data: bytes) -> str:
    """The section that a node has got, if it has got one."""
    inputs = _json(data).get("inputs")
    if not isinstance(inputs, dict):
        return ""
    fields = cast("dict[str, Any]", inputs)
    if "heading" not in fields:
        return ""
    return str(fields["heading"]) or f"(line {fields.get('line')})"


def _json(data: bytes) -> dict[str, Any]:
    """A payload, as far as it is a JSON object."""
    with contextlib.suppress(ValueError):
        value = json.loads(data)
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
    return {}
