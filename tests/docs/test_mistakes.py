"""The table of mistakes in docs/coming-from.md: each is made, and what comes of it is what the page says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from pydantic_graph import GraphBuilder, StepContext, reduce_list_append
from temporalio.client import Client

from temporal_graph import GraphRun, NodeOptions, TemporalGraph, interrupt
from tests.replay.serving import new_name, serving
from tests.support.process import ROOT

PAGE = (ROOT / "docs/coming-from.md").read_text()
SECTION = PAGE.partition("\n## Common mistakes\n")[2].partition("\n## ")[0]
ROWS = dict(re.findall(r"^\| ([^|]+?) \| `(\w+: .*)` \|$", SECTION, re.MULTILINE))
"""What the page says, by mistake; without the one that cannot be made."""


@dataclass
class Release:
    approved: bool = False


_g = GraphBuilder(name="mistaken", state_type=Release, input_type=list[str], output_type=list[str])


@_g.step
async def person(ctx: StepContext[Release, None, str]) -> str:
    return f"{ctx.inputs}: {await interrupt(ctx.inputs, response_type=Literal['yes', 'no'])}"


_verdicts = _g.join(reduce_list_append, initial_factory=list[str], node_id="verdicts")
_g.add(
    _g.edge_from(_g.start_node).map(fork_id="all").to(person),
    _g.edge_from(person).to(_verdicts),
    _g.edge_from(_verdicts).to(_g.end_node),
)
# In activities it would be chance which of them asks first.
mistaken = TemporalGraph(_g.build(), options=NodeOptions(execution="workflow"))

_c = GraphBuilder(name="swallowing", output_type=str)


@_c.step
async def careless(ctx: StepContext[None, None, None]) -> str:
    """What must not be written: the question does not get out of the node."""
    try:
        return await interrupt("Shall I?", response_type=str)
    except:  # noqa: E722 - the mistake
        return "I did not ask"


_c.add(_c.edge_from(_c.start_node).to(careless), _c.edge_from(careless).to(_c.end_node))
swallowing = TemporalGraph(_c.build())


@dataclass
class Making:
    """What a mistake is made with: a run in which two questions wait."""

    client: Client
    task_queue: str
    run: GraphRun[list[str], Release]


async def _no_id(making: Making) -> Any:
    await mistaken.start(making.client, inputs=["Ana"], task_queue=making.task_queue)  # type: ignore[call-arg]


async def _twice(making: Making) -> Any:
    await making.run.resume("yes", interrupt_id="person:1.0", actor="ana")
    await making.run.resume("no", interrupt_id="person:1.0")


async def _late(making: Making) -> Any:
    await making.run.resume_all({"person:1.0": "yes", "person:2.0": "no"})
    await making.run.result()
    await making.run.resume("yes")


MISTAKES: dict[str, Callable[[Making], Awaitable[Any]]] = {
    "no id": _no_id,
    "new input for a run that waits, with `start`": lambda m: mistaken.start(
        m.client, inputs=["Tom"], id=m.run.id, task_queue=m.task_queue
    ),
    "new input for a run that waits, with `proceed`": lambda m: mistaken.proceed(
        m.client, inputs=["Tom"], id=m.run.id, task_queue=m.task_queue
    ),
    "an answer that the node does not expect": lambda m: m.run.resume({"approved": True}, interrupt_id="person:1.0"),
    "an answer without an id where two questions wait": lambda m: m.run.resume("yes"),
    "an id that no question has": lambda m: m.run.resume("yes", interrupt_id="preson:1.0"),
    "a second answer to one question": _twice,
    "an answer to a run that has ended": _late,
    "an id that was never used": lambda m: mistaken.get_run(m.client, f"{m.run.id}-71").proceed("yes"),
    "a field that the state has not": lambda m: m.run.update_state({"aproved": True}),
    "`interrupt()` outside of a node, or under `Graph.run()`": lambda _: interrupt("Does anybody hear me?"),
    "a bare `except:` around `interrupt()`": lambda m: swallowing.run(
        m.client, id=f"{m.run.id}-2", task_queue=m.task_queue
    ),
}


def test_every_row_is_tried() -> None:
    assert list(ROWS) == list(MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES, ids=[name.replace("`", "") for name in MISTAKES])
async def test_mistake(server_address: str, mistake: str) -> None:
    id = new_name("mistake")
    async with serving(server_address, id, mistaken, swallowing) as client, asyncio.timeout(60):
        run = await mistaken.start(client, inputs=["Ana", "Bob"], id=id, task_queue=id)
        await run.wait()
        with pytest.raises(Exception) as raised:
            await MISTAKES[mistake](Making(client, id, run))
    found = f"{type(raised.value).__name__}: {raised.value}"
    # The page has ids that are easier to read.
    said = ROWS[mistake].replace("order-71", f"{id}-71").replace("order-17", id)
    assert re.fullmatch(re.escape(said).replace(re.escape("..."), ".*"), found, re.DOTALL), found
