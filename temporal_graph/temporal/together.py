"""Signals that come to a run in crowds, handed to it as one.

The SDK makes a task of each, which takes longer than all else: with some thousand in one workflow task that is given up
after two seconds, and tried again for ever. The history knows nothing of this.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation, WorkflowActivationJob
from temporalio.common import RawValue

from .payloads import from_raw, to_raw

TOGETHER = "temporal_graph.together"
"""The name of such a signal."""
FEW = 50
"""So many come one by one."""


def bring_together(activation: WorkflowActivation) -> None:
    """Make one of the signals that follow one another, where they are many."""
    if len(activation.jobs) <= FEW:
        return
    jobs: list[WorkflowActivationJob] = []
    crowd: list[WorkflowActivationJob] = []
    for job in activation.jobs:
        if job.HasField("signal_workflow"):
            crowd.append(job)
        else:
            jobs.extend(_as_one(crowd))
            jobs.append(job)
            crowd = []
    jobs.extend(_as_one(crowd))
    if len(jobs) < len(activation.jobs):
        del activation.jobs[:]
        activation.jobs.extend(jobs)


def _as_one(crowd: list[WorkflowActivationJob]) -> list[WorkflowActivationJob]:
    if len(crowd) <= FEW:
        return crowd
    signals = [job.signal_workflow for job in crowd]
    one = WorkflowActivationJob()
    one.signal_workflow.CopyFrom(signals[0])
    one.signal_workflow.signal_name = TOGETHER
    names = json.dumps([[signal.signal_name, len(signal.input)] for signal in signals])
    del one.signal_workflow.input[:]
    one.signal_workflow.input.append(to_raw(names, "", None).payload)
    for signal in signals:
        one.signal_workflow.input.extend(signal.input)
    return [one]


def apart(name: str, args: Sequence[RawValue]) -> list[tuple[str, Sequence[RawValue]]]:
    """The signals that one is made of: mostly just itself, for anybody may send one of this name."""
    if name != TOGETHER:
        return [(name, args)]
    try:
        found: list[tuple[str, Sequence[RawValue]]] = []
        first = 1
        names: Any = json.loads(from_raw(args[0]))
        for item, count in names:
            found.append((str(item), args[first : first + int(count)]))
            first += int(count)
    except (ValueError, TypeError, IndexError, OverflowError, RecursionError):
        return [(name, args)]
    return found
