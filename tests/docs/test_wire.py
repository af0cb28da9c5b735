"""docs/wire.md: what its examples send is sent to a real run, and what comes back is what they show."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from temporalio.worker import Worker

from temporal_graph import GraphPlugin, register_search_attributes
from temporal_graph.temporal import names, requests
from temporal_graph.temporal.streaming import POLL
from tests.docs.exchanges import Conversation, difference, exchanges, graphs
from tests.replay.serving import worker_options
from tests.support.server import DevServer


async def test_what_comes_back_is_what_the_page_shows(own_server: DevServer, tmp_path: Path) -> None:
    client = await own_server.connect()
    await register_search_attributes(client)
    knowing = await own_server.connect(GraphPlugin(*graphs(tmp_path)))
    async with Worker(knowing, task_queue="wire", **worker_options()), asyncio.timeout(150):
        conversation = Conversation(client, "wire")
        for exchange in exchanges():
            outcome, reply = await conversation.make(exchange)
            shown = json.loads(exchange.shown) if exchange.outcome else None
            assert outcome == (exchange.outcome or "reply"), f"{exchange}: {reply}"
            assert not exchange.outcome or difference(shown, reply) is None, f"{exchange}: {difference(shown, reply)}"


def test_every_name_on_the_wire_has_an_example() -> None:
    asked = {str(exchange) for exchange in exchanges()}
    for name in vars(requests)["_REQUESTS"]:
        assert {f"update {name}", f"signal {name}"} <= asked
    assert {f"update {names.PROCEED}", f"update {POLL} refund-16", f"query {POLL} refund-17"} <= asked
    for name in (
        names.STOP,
        names.PENDING_INTERRUPTS,
        names.GET_STATE,
        names.HISTORY,
        names.AUDIT,
        names.SNAPSHOT,
        names.IS_HEARD,
    ):
        assert f"query {name}" in asked
    assert {exchange.verb for exchange in exchanges()} == {"start", "signal", "update", "query", "result", "memo"}


def test_a_difference_is_found() -> None:
    shown = {"at": "2026-11-28T10:00:00+00:00", "items": [{"a": 1, "…": "…"}, "…"], "data": "…"}
    found = {"at": "2027-01-01T00:00:00.123456+00:00", "items": [{"a": 1, "b": 2}, 3], "data": {"x": 1}}
    assert difference(shown, found) is None
    for wrong in (
        {**found, "at": "today"},
        {**found, "items": []},
        {**found, "items": [{"a": True}]},
        {**found, "more": None},
        {"at": found["at"]},
    ):
        assert difference(shown, wrong) is not None
