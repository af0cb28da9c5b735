"""An answer that names its type is taken by that type, or refused at once."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_graph import AnswerRefusedError, GraphInputError
from tests.server.conftest import Serve
from tests.server.tagged_graphs import Reject, graph


def tagged(name: str, **fields: Any) -> dict[str, Any]:
    return {"$type": name, "value": fields}


def error(kind: str, message: str, *place: str) -> dict[str, Any]:
    return {"loc": list(place), "msg": message, "type": kind}


SHORT = error("string_too_short", "String should have at least 3 characters", "reason")
MISSING = error("missing", "Field required", "reason")
UNKNOWN = error("unknown_type", "'Nope' is none of its types: Approve, Reject, RejectForGood")


@pytest.mark.parametrize("where", ["local", "server"])
async def test_an_answer_that_breaks_the_rules_of_its_type_is_refused_at_once(
    where: str, serve: Serve, task_queue: str
) -> None:
    async with serve(graph) as client:
        if where == "local":
            run: Any = graph.local()
            await run.proceed(inputs=1)
        else:
            run = await graph.start(client, id=task_queue, task_queue=task_queue, inputs=1)
            await run.wait()
        for answer, wrong in (
            (tagged("Reject", reason="x"), SHORT),
            (tagged("Reject", raeson="too dear"), MISSING),
            (tagged("Nope"), UNKNOWN),
        ):
            with pytest.raises(AnswerRefusedError) as refused:
                await run.resume(answer)
            assert refused.value.reason == "invalid"
            assert refused.value.errors == [wrong]
        # As an object it is sent without its type, and Approve, which takes anything, would have it.
        with pytest.raises(GraphInputError, match="is no Reject: reason: String should have at least 3 characters"):
            await run.resume(Reject.model_construct(reason="x"))
        state = await run.get_state() if where == "server" else run.get_state()
        assert [question.interrupt_id for question in state.interrupts] == ["ask:1.0"]
        stop = await run.proceed(tagged("RejectForGood", reason="too dear", until=3))
        assert stop.output == "RejectForGood(reason='too dear', until=3)"
