"""A whole run as JSON, and back: everything the engine knows, at any moment between two events."""

from __future__ import annotations

from typing import Any

from .breakpoints import Breakpoints
from .engine import Engine
from .events import Encoded, Ended, Failure, Next, Outcome, Output, RunFailedError, failure_of, is_the_runtimes
from .functions import Functions
from .questions import Interrupt
from .spec import END, GraphSpec, JoinSpec, StepSpec
from .state import AUTO, Json, Plan
from .text import compact, read
from .walker import Task

VERSION = 1


class SnapshotError(ValueError):
    """A snapshot that this graph cannot go on from."""


def dump(engine: Engine) -> dict[str, Any]:
    """Write a run down.

    A task that runs is written as ready: whoever loads the snapshot begins it again, with the state of that moment.

    Args:
        engine: The run.

    Returns:
        JSON, with a `version`.

    Raises:
        RunFailedError: What a join has collected cannot be written.
    """
    return {
        "version": VERSION,
        "graph": engine.spec.name,
        "status": engine.status,
        "state": engine.state,
        "state_version": engine.shared.version,
        **({"edits": engine.edits} if engine.edits else {}),
        "checkpoint": engine.checkpoint,
        "paused": engine.paused,
        "breakpoints": {"before": list(engine.breakpoints.before), "after": list(engine.breakpoints.after)},
        "output": _dump_value(engine.output) if engine.output is not None else None,
        "failure": engine.failure.dump() if engine.failure is not None else None,
        "visits": {node_id: count for node_id, count in engine.visits.items() if count},
        "next_number": engine.next_number,
        "next_run": engine.forks.next_run,
        "forks": [{"run": run, "fork": fork_id} for run, fork_id, _ in engine.forks.all()],
        "joins": [
            {
                "join": joining.join.id,
                "run": joining.run,
                "runs": list(joining.runs),
                "current": _dump_join(engine, joining.join.id, joining.current),
            }
            for _, _, joinings in engine.forks.all()
            for joining in joinings
            if joining.collecting
        ],
        "tasks": [
            {
                "id": task.id,
                "number": task.number,
                "node": task.node_id,
                "value": _dump_value(task.value),
                "runs": list(task.runs),
                "waits": task.status == "waiting",
                "answered": task.is_answered,
                "held": _dump_outcome(task.held) if task.held is not None else None,
                "answers": [[position, value] for position, value in task.answers.items()],
                **_dump_rare(task),
            }
            for task in engine.tasks.values()
        ],
        "questions": engine.questions.dump(),
    }


def sharing(data: dict[str, Any], engine: Engine, share: float | None) -> dict[str, Any]:
    """A snapshot with less of what the run only remembers.

    Args:
        data: What `dump` wrote.
        engine: The run.
        share: See `Questions.remembered`.
    """
    return {**data, "questions": {**data["questions"], **engine.questions.remembered(share)}}


def load(data: dict[str, Any], spec: GraphSpec, functions: Functions, plan: Plan = AUTO) -> Engine:
    """Go on from a snapshot.

    Args:
        data: What `dump` wrote.
        spec: The graph, which must have every node that the snapshot needs.
        functions: The graph's functions.
        plan: How its state merges.

    Returns:
        An engine that goes on as the one which was dumped would have.

    Raises:
        SnapshotError: The snapshot is of another version or graph, or needs nodes that the graph has not.
    """
    engine = Engine(spec, functions, plan)
    restore(engine, data)
    return engine


def restore(engine: Engine, data: dict[str, Any]) -> None:
    """Put a new engine where another one was when it was dumped.

    Raises:
        SnapshotError: See `load`.
    """
    spec, functions = engine.spec, engine.functions
    _check(data, spec)
    engine.status = data["status"]
    # What earlier releases did not write has a default.
    engine.shared.load(data["state"], data.get("state_version", 0))
    engine.edits = data.get("edits", 0)
    engine.checkpoint = data.get("checkpoint", 0)
    engine.paused = data.get("paused", False)
    breakpoints = data.get("breakpoints", {})
    engine.breakpoints = Breakpoints(tuple(breakpoints.get("before", ())), tuple(breakpoints.get("after", ())))
    engine.output = _load_value(data["output"]) if data["output"] is not None else None
    engine.failure = Failure.load(data["failure"]) if data["failure"] is not None else None
    engine.visits.update((node_id, count) for node_id, count in data["visits"].items())
    engine.next_number = data["next_number"]
    for item in data["forks"]:
        engine.forks.restore(item["run"], item["fork"])
    engine.forks.next_run = data["next_run"]
    for item in data["joins"]:
        joining = next((j for j in engine.forks.joinings(item["run"]) if j.join.id == item["join"]), None)
        if joining is None:
            raise SnapshotError(f"Join {item['join']!r} of graph {spec.name!r} has another parent fork than it had.")
        engine.forks.collect(joining, functions.load_join(item["join"], item["current"]), tuple(item["runs"]))
    for item in data["tasks"]:
        runs = tuple(item["runs"])
        task = Task(
            item["id"],
            item["number"],
            item["node"],
            _load_value(item["value"]),
            runs,
            engine.forks.enter(item["node"], runs),
            "waiting" if item["waits"] else "ready",
            answers=dict(item["answers"]),
            is_answered=item["answered"] if "answered" in item else _waits(spec, item["node"]) and not item["waits"],
            held=_load_outcome(item["held"]) if item.get("held") is not None else None,
            marks=dict(item.get("marks", ())),
            votes=dict(item.get("votes", ())),
            once=dict(item.get("once", ())),
            shown=item.get("shown"),
            doubtful=Interrupt.load(item["doubtful"]) if "doubtful" in item else None,
            failures=item.get("failures", 0),
            attempts=item.get("attempts", 0),
        )
        engine.tasks[task.id] = task
    engine.questions.load(data["questions"])
    engine.questions.closed = engine.status in ("finished", "failed", "cancelled")


def _dump_join(engine: Engine, join_id: str, current: Any) -> Json:
    try:
        return engine.functions.dump_join(join_id, current)
    except BaseException as error:  # what a reducer has made may be anything
        if is_the_runtimes(error):
            raise
        raise RunFailedError(failure_of(join_id, error)) from error


def _check(data: dict[str, Any], spec: GraphSpec) -> None:
    if data.get("version") != VERSION:
        raise SnapshotError(f"The snapshot has version {data.get('version')!r}; this release reads version {VERSION}.")
    if data["graph"] != spec.name:
        raise SnapshotError(f"The snapshot is of graph {data['graph']!r}, not of {spec.name!r}.")
    asking = {item["task_id"] for item in data["questions"]["open"] if item["kind"] == "node"}
    missing = dict.fromkeys(
        [
            *(item["node"] for item in data["tasks"] if not _is_step(spec, item["node"], asks=item["id"] in asking)),
            *(
                item["held"]["to"]
                for item in data["tasks"]
                if item.get("held") is not None
                and item["held"]["to"] not in (None, END)
                and not isinstance(spec.nodes.get(item["held"]["to"]), StepSpec | JoinSpec)
            ),
            *(item["join"] for item in data["joins"] if not isinstance(spec.nodes.get(item["join"]), JoinSpec)),
            *(item["fork"] for item in data["forks"] if item["fork"] not in spec.joins_of),
        ]
    )
    if missing:
        needed, has = (", ".join(repr(node_id) for node_id in ids) for ids in (missing, spec.nodes))
        raise SnapshotError(
            f"The snapshot needs {needed}, which graph {spec.name!r} has not, or not as the same kind of node. It has: "
            f"{has}."
        )


def _dump_rare(task: Task) -> dict[str, Any]:
    """What few tasks have."""
    data = {
        "marks": [[position, mark] for position, mark in task.marks.items()],
        "votes": [[position, votes] for position, votes in task.votes.items()],
        "once": task.once,
        "shown": task.shown,
        "doubtful": task.doubtful.dump() if task.doubtful is not None else None,
        "failures": task.failures,
        "attempts": task.attempts,
    }
    return {name: value for name, value in data.items() if value}


def _waits(spec: GraphSpec, node_id: str) -> bool:
    node = spec.nodes[node_id]
    return isinstance(node, StepSpec) and node.waits


def _is_step(spec: GraphSpec, node_id: str, *, asks: bool) -> bool:
    node = spec.nodes.get(node_id)  # in the sandbox of a workflow isinstance takes ten times as long
    return type(node) is StepSpec and (node.waits or not asks)


def _dump_value(value: Encoded) -> dict[str, Any]:
    data: dict[str, Any] = {"data": read(value.data)}
    if value.type is not None:
        data["type"] = value.type
    return data


def _load_value(data: dict[str, Any]) -> Encoded:
    return Encoded(compact(data["data"]), data.get("type"))


def _dump_outcome(outcome: Outcome) -> dict[str, Any]:
    to = END if isinstance(outcome, Ended) else outcome.node_id if isinstance(outcome, Next) else None
    return {"to": to, **_dump_value(outcome.value)}


def _load_outcome(data: dict[str, Any]) -> Outcome:
    value = _load_value(data)
    if data["to"] is None:
        return Output(value)
    return Ended(value) if data["to"] == END else Next(data["to"], value)
