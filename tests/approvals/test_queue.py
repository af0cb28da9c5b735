"""What waits is found, listed, counted and answered, without a question to any run."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError

from temporal_graph import (
    AnswerRefusedError,
    ApprovalQueue,
    Command,
    GraphError,
    GraphInputError,
    Pending,
    RunNotFoundError,
    register_search_attributes,
)
from tests.approvals.graphs import (
    Ask,
    failing,
    lanes,
    other,
    pair,
    plain,
    quoted,
    series,
    several,
    single,
    stopping,
    voting,
)
from tests.approvals.graphs import Pair as PairNode
from tests.approvals.graphs import Vote as VoteNode
from tests.replay.serving import chain, replay, until
from tests.server.conftest import Serve

NODES = ("GraphPendingNodes", "GraphAssignees", "GraphDeadline")
NAMES = [
    *("o'brien", 'quo"te', "back\\slash", "`tick`", "100% a_b", "Łukasz 🙂", "new\nline", "' OR '1'='1", "--", "a;b"),
    *("nul\0", "\\'", "''", '"" OR ""', "KeywordList01: x", "*", "tab\t", "…", "%more", "%", "z" * 300, "(a OR b)"),
    *("NEAR(a b)", " ann ", "\x7f\x80", "/* x */", "{}", "true", "null", "x]", "[x"),
]


async def listed(queue: ApprovalQueue, **wanted: Any) -> list[Pending]:
    return [item async for item in queue.pending(**wanted)]


async def waiting(queue: ApprovalQueue, count: int, **wanted: Any) -> list[Pending]:
    """The list, once it has so many questions: it is a moment behind."""

    async def look() -> list[Pending] | None:
        found = await listed(queue, **wanted)
        return found if len(found) == count else None

    return await until(look) if count else await until(lambda: nothing(queue, **wanted)) and []


async def nothing(queue: ApprovalQueue, **wanted: Any) -> bool:
    return not await listed(queue, **wanted)


async def ask(client: Client, task_queue: str, number: int = 0, graph: Any = single, **fields: Any) -> Any:
    return await graph.start(client, inputs=Ask(**fields), id=f"{task_queue}-{number}", task_queue=task_queue)


async def test_a_question_is_listed_as_it_stands(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    async with serve(single) as client:
        before = datetime.now(UTC)
        run = await ask(client, task_queue, value={"sum": 3}, assignees=[task_queue, "bob"], seconds=3600)
        [item] = await waiting(queue, 1, assignee=task_queue)
        [asked] = await run.pending_interrupts()
        assert item == Pending(
            run_id=run.id,
            graph="single",
            interrupt_id="review:1.0",
            node_id="review",
            kind="call",
            value={"sum": 3},
            assignees=[task_queue, "bob"],
            deadline=asked.deadline,
            created_at=asked.created_at,
            escalation_level=0,
        )
        assert item.deadline is not None
        assert timedelta(hours=1) - timedelta(minutes=1) < item.deadline - before
        assert await queue.count(assignee=task_queue) == 1
        await run.resume({"approved": True})
        assert await waiting(queue, 0, assignee=task_queue) == []
        assert await queue.count(assignee=task_queue) == 0


async def test_a_change_of_the_question_shows(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    async with serve(single) as client:
        run = await ask(client, task_queue, assignees=["ann"], seconds=3600)
        await run.wait()
        await run.reassign([task_queue])
        changed = await run.extend(timedelta(hours=1))
        [item] = await waiting(queue, 1, assignee=task_queue)

        async def is_extended() -> bool:
            return (await listed(queue, assignee=task_queue))[0].deadline == changed.deadline

        assert await until(is_extended)
        assert item.assignees == [task_queue]
        await run.cancel()


@pytest.mark.parametrize(
    ("graph", "how", "status"),
    [(single, "answer", "finished"), (single, "cancel", "cancelled"), (failing, "abort", "failed")],
)
async def test_the_end_of_a_run_shows(
    serve: Serve, queue: ApprovalQueue, task_queue: str, graph: Any, how: str, status: str
) -> None:
    async with serve(graph) as client:
        inputs: Any = Ask() if graph is single else "bad"
        run = await graph.start(client, inputs=inputs, id=task_queue, task_queue=task_queue)
        await run.wait()
        match how:
            case "answer":
                await queue.approve(run.id)
            case "cancel":
                await run.cancel()
            case _:
                await queue.answer(run.id, {"action": "abort"})
        handle = client.get_workflow_handle(run.id)
        await asyncio.gather(run.result(), return_exceptions=True)

        async def shows() -> bool:
            description = await handle.describe()
            told = {pair.key.name: pair.value for pair in description.typed_search_attributes}
            mine = {name: value for name, value in told.items() if name.startswith("Graph")}
            return mine == {"GraphStatus": status} and not await description.memo()

        assert await until(shows)


async def test_a_run_without_questions_writes_nothing(serve: Serve, task_queue: str) -> None:
    async with serve(plain) as client:
        await plain.run(client, inputs="x", id=task_queue, task_queue=task_queue)
        history = await client.get_workflow_handle(task_queue).fetch_history()
    assert "Graph" not in history.to_json()


async def test_nothing_is_written_twice(serve: Serve, task_queue: str) -> None:
    async with serve(single) as client:
        run = await ask(client, task_queue)
        await run.wait()
        await run.pause()
        await run.unpause()
        await run.unpause()
        await run.resume({"approved": True})
        await run.result()
        history = await client.get_workflow_handle(run.id).fetch_history()
    written = [
        dict(event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields)
        for event in history.events
        if event.HasField("upsert_workflow_search_attributes_event_attributes")
    ]
    told = {name: [fields[name].data for fields in written if name in fields] for name in ("GraphStatus", *NODES)}
    assert all(one != two for one, two in itertools.pairwise(told["GraphStatus"]))
    assert (told["GraphStatus"][0], told["GraphStatus"][-1]) == (b'"waiting"', b'"finished"')
    assert told["GraphPendingNodes"] == [b'["review"]', b""]
    assert told["GraphAssignees"] == told["GraphDeadline"] == []
    memos = [event for event in history.events if event.HasField("workflow_properties_modified_event_attributes")]
    assert len(memos) == 2


# -- Filters ----------------------------------------------------------------------------------------------------------


async def test_filters_by_graph(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    async with serve(single, other, quoted) as client:
        for number, graph in enumerate((single, other, quoted)):
            await ask(client, task_queue, number, graph, assignees=[task_queue])
        await waiting(queue, 3, assignee=task_queue)
        for graph in (single, other, quoted):
            [item] = await listed(queue, assignee=task_queue, graph=graph.name)
            assert item.graph == graph.name
            assert await queue.count(assignee=task_queue, graph=graph.name) == 1
        both = await listed(queue, assignee=task_queue, graph=["single", "o'ther"])
        assert [item.graph for item in both] == ["o'ther", "single"]  # the run that was started last comes first
        assert await listed(queue, assignee=task_queue, graph="nobody's") == []


async def test_any_name_is_found_and_finds_nobody_else(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    names = [f"{task_queue}{name}" for name in NAMES]
    async with serve(single) as client:
        for number, name in enumerate(names):
            await ask(client, task_queue, number, assignees=[name])
        for number, name in enumerate(names):
            [item] = await waiting(queue, 1, assignee=name)
            assert (item.run_id, item.assignees) == (f"{task_queue}-{number}", [name])
        for name in NAMES:
            assert await listed(queue, assignee=name, graph=name) == []


async def test_who_is_not_asked_any_more_is_not_found(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    ann, bob = f"{task_queue}-ann", f"{task_queue}-bob"
    async with serve(several) as client:
        asks = [Ask("one", [ann]), Ask("two", [bob])]
        await several.start(client, inputs=[[ask] for ask in asks], id=task_queue, task_queue=task_queue)
        [item] = await waiting(queue, 1, assignee=ann)
        assert item.value == "one"
        assert [item.value for item in await listed(queue, assignee=bob)] == ["two"]
        assert await listed(queue, assignee=ann.upper()) == []


async def test_what_is_overdue_waits_for_a_worker(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    async with serve(single) as client:
        late = await ask(client, task_queue, 0, assignees=[task_queue], seconds=1)
        await ask(client, task_queue, 1, assignees=[task_queue], seconds=3600)
        await ask(client, task_queue, 2, assignees=[task_queue])
        await waiting(queue, 3, assignee=task_queue)
    [item] = await waiting(queue, 1, assignee=task_queue, overdue=True)
    assert item.run_id == late.id
    assert await queue.count(assignee=task_queue, overdue=True) == 1
    assert await queue.count(assignee=task_queue, overdue=False) == 2
    in_time = await listed(queue, assignee=task_queue, overdue=False)
    assert {item.run_id for item in in_time} == {f"{task_queue}-1", f"{task_queue}-2"}
    async with serve(single):  # that it was not answered in time is seen now
        await waiting(queue, 2, assignee=task_queue)


# -- Pages and orders -------------------------------------------------------------------------------------------------


async def pages(queue: ApprovalQueue, **wanted: Any) -> list[list[str]]:
    found: list[list[str]] = []
    token = None
    while True:
        page = await queue.page(token=token, **wanted)
        found.append([item.run_id.rpartition("-")[2] for item in page.items])
        token = page.token
        if token is None:
            return found


async def test_orders_and_pages(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    who: dict[str, Any] = {"assignee": task_queue}
    async with serve(single) as client:
        for number, seconds in enumerate([None, 5000, 3000, None, 4000]):
            run = await ask(client, task_queue, number, assignees=[task_queue], seconds=seconds)
            await run.wait()
        await waiting(queue, 5, **who)
        numbers = {
            order: "".join(item.run_id[-1] for item in await listed(queue, order=order, **who))
            for order in (None, "created", "deadline")
        }
        assert numbers == {None: "43210", "created": "01234", "deadline": "24103"}
        assert await pages(queue, size=2, **who) == [["4", "3"], ["2", "1"], ["0"]]
        assert await pages(queue, size=2, order="deadline", **who) == [["2", "4"], ["1", "0"], ["3"]]
        assert await pages(queue, size=5, order="created", **who) == [["0", "1", "2", "3", "4"]]
        # What is answered meanwhile moves nothing.
        first = await queue.page(size=2, order="deadline", **who)
        await queue.approve(first.items[0].run_id)
        await waiting(queue, 4, **who)
        second = await queue.page(size=2, order="deadline", token=first.token, **who)
        assert [item.run_id[-1] for item in second.items] == ["1", "0"]


@pytest.mark.parametrize("token", ["", "x", "ÿ", "W10", "WyJwYWdlIiwgMV0", 7])
@pytest.mark.parametrize("order", [None, "deadline"])
async def test_a_token_that_is_none(queue: ApprovalQueue, token: Any, order: Any) -> None:
    with pytest.raises(GraphInputError, match="is no token of a page in this order"):
        await queue.page(token=token, order=order)


async def test_a_token_of_the_servers_that_it_does_not_know(queue: ApprovalQueue) -> None:
    with pytest.raises(GraphInputError, match="does not know this token of a page"):
        await queue.page(token="WyJwYWdlIiwgImVIaDQiXQ")  # ["page", "eHh4"]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"size": 0}, {"size": 1001}, {"size": True}, {"size": "5"}, {"order": "newest"}, {"order": 1}),
        *({"graph": 5}, {"graph": [single]}, {"assignee": 5}, {"assignee": ["ann"]}, {"overdue": "yes"}),
    ],
)
async def test_what_cannot_be_looked_for(queue: ApprovalQueue, wrong: Any) -> None:
    with pytest.raises(GraphInputError):
        await queue.page(**wrong)


async def test_what_the_list_cannot_hold_is_asked_for(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    many = [Ask({"n": number, "text": "ü" * 500}, [f"{task_queue}-{number:03}-{'x' * 60}"]) for number in range(50)]
    async with serve(several) as client:
        run = await several.start(client, inputs=[[ask] for ask in many], id=task_queue, task_queue=task_queue)
        assert len((await run.wait()).interrupts) == 50

        async def look() -> list[Pending] | None:
            mine = [item for item in await listed(queue, graph="several") if item.run_id == run.id]
            return mine or None

        items = await until(look)
        assert [item.interrupt_id for item in items] == [f"lane:{number}.0" for number in range(1, 51)]
        assert {len(item.value["cut"]) for item in items} == {
            len('{"n":0,') + 393 + len("... (400 characters)")
        } or all(set(item.value) == {"cut"} for item in items)
        # The last name is not in the attribute, which has room for two dozen of these.
        [last] = await listed(queue, assignee=many[49].assignees[0])
        assert last.interrupt_id == "lane:50.0"
        full = await queue.questions(run.id)
        assert full[49].value == many[49].value


async def test_a_question_that_is_too_long_for_the_list(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    names = [f"{task_queue}-{number}" for number in range(2_000)]
    async with serve(single) as client:
        await ask(client, task_queue, value="x" * 100_000, assignees=names)
        [item] = await waiting(queue, 1, assignee=names[-1])
        assert item.assignees == names
        assert item.value["cut"].startswith('"xxx')


# -- Answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "verdict", "text", "sent"),
    [
        ("decision", "approve", None, {"approved": True, "reason": ""}),
        ("decision", "approve", "fine", {"approved": True, "reason": "fine"}),
        ("decision", "reject", "dear", {"approved": False, "reason": "dear"}),
        ("optional", "reject", "dear", {"approved": False, "reason": "dear"}),
        ("bool", "approve", None, True),
        ("bool", "reject", None, False),
        ("maybe", "reject", None, False),
        ("either", "approve", "fine", {"approved": True, "notes": "fine"}),
        ("either", "reject", "dear", {"approved": False, "reason": "dear"}),
        ("any", "approve", None, {"approved": True}),
        ("any", "approve", "fine", {"approved": True, "comment": "fine"}),
        ("any", "reject", "dear", {"approved": False, "reason": "dear"}),
        ("dict", "reject", "dear", {"approved": False, "reason": "dear"}),
        ("firm", "approve", None, {"approved": True, "reason": ""}),
        ("firm", "reject", "dear", {"approved": False, "reason": "dear"}),
    ],
)
async def test_yes_and_no(
    serve: Serve, queue: ApprovalQueue, task_queue: str, type: str, verdict: str, text: str | None, sent: Any
) -> None:
    async with serve(single) as client:
        run = await ask(client, task_queue, type=type)
        await run.wait()
        if verdict == "approve":
            accepted = await queue.approve(run.id, comment=text, actor="boss", answer_id="one")
        else:
            accepted = await queue.reject(run.id, reason=text, actor="boss", answer_id="one")
        assert (accepted.interrupt_id, accepted.actor, accepted.via) == ("review:1.0", "boss", "update")
        assert (await run.result()).output == sent
        again = await queue.approve(run.id, actor="boss", answer_id="one")
        assert again.answered_at == accepted.answered_at
        with pytest.raises(AnswerRefusedError, match=r"already_answered: 'review:1.0' was answered by boss"):
            await queue.reject(run.id, interrupt_id="review:1.0")
        with pytest.raises(AnswerRefusedError, match="closed"):
            await queue.reject(run.id)


@pytest.mark.parametrize(
    ("type", "verdict", "text", "why"),
    [
        ("str", "approve", None, "its answers are of another kind"),
        ("verdict", "reject", None, "its answers are of another kind"),
        ("signed", "approve", None, "it also wants 'signature'"),
        ("signed", "approve", "fine", "it also wants 'signature'"),
        ("either", "reject", None, "needs a text for 'reason': give reason="),
        ("firm", "reject", None, "needs a text for 'reason': give reason="),
        ("long", "approve", None, "needs a text for 'reason': give comment="),
    ],
    ids=range(7),
)
async def test_what_is_neither(
    serve: Serve, queue: ApprovalQueue, task_queue: str, type: str, verdict: str, text: str | None, why: str
) -> None:
    async with serve(single) as client:
        run = await ask(client, task_queue, type=type)
        await run.wait()
        with pytest.raises(GraphInputError, match=why) as caught:
            await (queue.approve(run.id, comment=text) if verdict == "approve" else queue.reject(run.id, reason=text))
        assert "answer(run_id, ...)" in str(caught.value)
        assert len(await run.pending_interrupts()) == 1
        right: Any = {"str": "x", "verdict": "pay", "signed": {"approved": True, "signature": "me"}}
        await queue.answer(run.id, right.get(type, {"approved": False, "reason": "long"}))
        assert (await run.result()).output is not None


async def test_a_breakpoint_is_approved_by_going_on(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    async with serve(stopping) as client:
        run = await stopping.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(GraphInputError, match="is a breakpoint, which lets its run go on and cannot be rejected"):
            await queue.reject(run.id)
        await queue.approve(run.id, comment="fine")
        assert (await run.result()).output == "x"
        assert await comments(run) == ["fine"]


async def test_a_failure_takes_an_answer(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    async with serve(failing) as client:
        run = await failing.start(client, inputs="bad", id=task_queue, task_queue=task_queue)
        await run.wait()
        for decide in (queue.approve, queue.reject):
            with pytest.raises(GraphInputError, match="a node has failed"):
                await decide(run.id)
        await queue.answer(run.id, {"action": "retry", "inputs": "good"})
        assert (await run.result()).output == "good"


async def test_votes_and_a_node_that_asks_for_nothing(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    async with serve(voting) as client:
        run = await voting.start(client, VoteNode(), id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(GraphInputError, match="needs a text for 'comment': give reason="):
            await queue.reject(run.id, actor="ann")
        first = await queue.approve(run.id, actor="ann", comment="fine", answer_id="a")
        assert first.missing == 1
        assert await queue.approve(run.id, actor="ann", comment="else", answer_id="a") == first
        with pytest.raises(AnswerRefusedError):
            await queue.reject(run.id, actor="ann", reason="no")  # she has said what she has to say
        await queue.approve(run.id, actor="bob")
        await run.wait()
        with pytest.raises(GraphInputError, match="asks for no field"):
            await queue.reject(run.id)
        await queue.approve(run.id, comment="go")
        assert (await run.result()).output == "True "
        assert await comments(run) == [None, None, "go"]


async def comments(run: Any) -> list[str | None]:
    """What was said with the answers, in order."""
    return [entry.comment for entry in await run.audit() if entry.kind in ("answered", "rejected")]


@pytest.mark.parametrize("verdict", ["approve", "reject"])
@pytest.mark.parametrize("type", ["bool", "maybe", "approval"])
async def test_what_is_said_is_kept_where_the_answer_has_no_field_for_it(
    serve: Serve, queue: ApprovalQueue, task_queue: str, type: str, verdict: str
) -> None:
    async with serve(single) as client:
        run = await ask(client, task_queue, type=type)
        await run.wait()
        for text in ("too dear", "something else"):  # the second one is the same answer again
            if verdict == "approve":
                await queue.approve(run.id, comment=text, actor="ann", answer_id="one")
            else:
                await queue.reject(run.id, reason=text, actor="ann", answer_id="one")
        is_yes = verdict == "approve"
        value = {"approved": is_yes} if type == "approval" else is_yes
        assert (await run.result()).output == value
        [asked, answered] = await run.audit()
        assert (asked.comment, answered.comment, answered.actor) == (None, "too dear", "ann")
        assert answered.data == {"answer_id": "one", "value": value}
        assert json.loads(answered.to_json())["comment"] == "too dear"


async def test_what_each_of_several_people_says_is_kept(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    async with serve(pair) as client:
        run = await pair.start(client, PairNode(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await queue.approve(run.id, actor="ann", comment="fine", answer_id="a")
        await queue.approve(run.id, actor="ann", comment="else", answer_id="a")
        with pytest.raises(AnswerRefusedError, match="already_answered"):
            await queue.approve(run.id, actor="ann", comment="else")
        await queue.reject(run.id, actor="bob", reason="dear")
        assert (await run.result()).output == "False"
        answered = [entry for entry in await run.audit() if entry.kind == "answered"]
        assert [(entry.actor, entry.comment, entry.data.get("missing", 0)) for entry in answered] == [
            ("ann", "fine", 1),
            ("bob", "dear", 0),
        ]


async def test_what_is_said_by_any_way_is_kept_when_a_run_continues_as_new(
    serve: Serve, queue: ApprovalQueue, task_queue: str
) -> None:
    async with serve(lanes) as client:
        asks = [Ask(number, type="bool") for number in range(8)]
        run = await lanes.start(client, inputs=[asks], id=task_queue, task_queue=task_queue)
        await run.wait()
        handle = client.get_workflow_handle(run.id)
        wrong = {"interrupt_id": "lane:1.0", "value": True, "comment": ["no text"]}
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("resume", wrong)
        assert "comment is ['no text']" in str(refused.value.cause)
        await handle.signal("resume", wrong)
        await run.resume(True, interrupt_id="lane:1.7", comment="early")
        await handle.signal("resume", {"interrupt_id": "lane:1.0", "value": True, "comment": "by signal"})
        await run.wait()
        [rejected] = (await run.get_state()).rejected
        assert (rejected["reason"], rejected["answer"]) == ("invalid", wrong)
        await queue.reject(run.id, interrupt_id="lane:1.1", reason="by reject")
        await run.proceed(True, interrupt_id="lane:1.2", comment="by proceed")
        await run.resume_all({"lane:1.3": True}, comment="by resume_all")
        await run.wait()
        await queue.answer(run.id, True, comment="by answer")
        await run.proceed(True, interrupt_id="lane:1.5")
        assert (await run.proceed(True, interrupt_id="lane:1.6")).output == 1
        said = ["by signal", "by reject", "by proceed", "by resume_all", "by answer", None, None, "early"]
        assert await comments(run) == [None, *said]
        histories = await chain(client, run.id)
        assert len(histories) > 1
        await replay(histories, lanes)


async def test_which_question_is_meant(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    async with serve(several) as client:
        asks = [Ask("one", type="bool"), Ask("two", type="bool")]
        run = await several.start(client, inputs=[[ask] for ask in asks], id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(AnswerRefusedError, match=r"ambiguous: 2 questions .*'lane:1.0', 'lane:2.0'"):
            await queue.approve(run.id)
        with pytest.raises(AnswerRefusedError, match="ambiguous"):
            await queue.approve(run.id, interrupt_id="lane")
        with pytest.raises(AnswerRefusedError, match=r"unknown_interrupt: .*Open: 'lane:1.0'"):
            await queue.approve(run.id, interrupt_id="lane:3.0")
        await queue.approve(run.id, interrupt_id="lane:2.0")
        await queue.approve(run.id, interrupt_id="lane")
        assert (await run.result()).output == 2


async def test_what_cannot_be_answered(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    async with serve(single) as client:
        with pytest.raises(RunNotFoundError):
            await queue.approve("nobody")
        with pytest.raises(RunNotFoundError):
            await queue.answer("nobody", True)
        run = await ask(client, task_queue)
        await run.wait()
        with pytest.raises(GraphInputError, match="knows no graph"):
            await queue.answer(run.id, Command(goto="review"))
        with pytest.raises(GraphInputError, match="actor is 5"):
            await queue.approve(run.id, actor=5)  # type: ignore[arg-type]
        with pytest.raises(GraphInputError, match="reason is 5"):
            await queue.reject(run.id, reason=5)  # type: ignore[arg-type]
        with pytest.raises(GraphInputError, match="comment is 5"):
            await queue.answer(run.id, {"approved": True}, comment=5)  # type: ignore[arg-type]
        with pytest.raises(AnswerRefusedError, match="invalid"):
            await queue.answer(run.id, {"approved": "perhaps"})
        await queue.answer(run.id, Command(resume={"approved": True}))
        assert (await run.result()).output == {"approved": True, "reason": ""}


async def test_an_answer_that_came_too_late(serve: Serve, queue: ApprovalQueue, task_queue: str) -> None:
    async with serve(series) as client:
        asks = [Ask(seconds=0.2), Ask()]
        run = await series.start(client, inputs=asks, id=task_queue, task_queue=task_queue)
        await asyncio.gather(run.result(), return_exceptions=True)  # it fails when nobody answers
        with pytest.raises(AnswerRefusedError, match=r"closed|expired"):
            await queue.approve(run.id, interrupt_id="each:1.0")


# -- Registering ------------------------------------------------------------------------------------------------------


async def test_registering_again_does_nothing(client: Client) -> None:
    assert await register_search_attributes(client) == []


async def test_a_namespace_that_is_not_there(client: Client) -> None:
    config = client.config()
    config["namespace"] = "nowhere"
    elsewhere = Client(**config)
    with pytest.raises(GraphError, match="does not register search attributes for namespace 'nowhere'"):
        await register_search_attributes(elsewhere)
    with pytest.raises(GraphError, match="does not list its runs"):
        await ApprovalQueue(elsewhere).count()
