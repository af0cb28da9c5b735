"""The patterns of approval: their graphs in this process, the program that shows them, and both on a server."""

import asyncio
import contextlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from examples.approvals.__main__ import PATTERNS, talk
from examples.approvals.chain import Change, chain
from examples.approvals.claims import DAY, OFFICE, Approve, Claim, claims, transfers
from examples.approvals.conditional import Explain, Pay, conditional
from examples.approvals.critical import Decision, Deletion, critical
from examples.approvals.deadline import deadline
from examples.approvals.review import letters
from temporal_graph import (
    AnswerRefusedError,
    AuditEntry,
    Command,
    GraphInputError,
    GraphPlugin,
    GraphRun,
    LocalRun,
    RefusedError,
    Retry,
    Send,
    Stop,
    TemporalGraph,
)
from tests.examples.conftest import StartWorker
from tests.examples.programs import run_example

GRAPHS = {
    "critical": "examples.approvals.critical:critical",
    "review": "examples.approvals.review:letters",
    "chain": "examples.approvals.chain:chain",
    "conditional": "examples.approvals.conditional:conditional",
    "deadline": "examples.approvals.deadline:deadline",
    "claims": "examples.approvals.claims:claims",
}
IBAN = "DE89 3704 0044 0532 0130 00"
TALKS = [
    ("critical", "yes\n", "The account mia is deleted, with 2 files."),
    ("critical", "what\nn\nshe is on holiday\n", "Nothing is deleted: she is on holiday."),
    ("review", "\n", "Sent: Dear Mia, your parcel is on its way."),
    ("review", "Hello\n", "Sent: Hello"),
    ("chain", "y\nana\ny\nbob\n", "move the database: approved by ana and bob"),
    ("chain", "y\nana\nn\npaint it\ny\neve\ny\nbob\n", "paint it: approved by eve and bob"),
    ("conditional", "explain\nWhy?\npay\n", "30 paid"),
    ("conditional", "d\nno receipt\n", "30 not paid: no receipt"),
    ("deadline", "accept\n", "sold"),
    ("deadline", "d\n", "not sold"),
    (
        "claims",
        f"eve\ny\n\nann\ny\nbob\ny\nnothing\niban\n{IBAN}\nemail\neve@example.org\n",
        "120 paid as payment 1, approved by ann and bob",
    ),
    ("claims", "cid\nn\n", "declined by cid"),
    ("claims", "ann\ny\ncid\ny\nabort\n", "given up: 'DE89370400440532031000' is no IBAN: its check digits are wrong."),
]


def test_every_pattern_is_tested() -> None:
    assert set(PATTERNS) == set(GRAPHS) == {name for name, _, _ in TALKS}


@pytest.mark.parametrize(("name", "typed", "said"), TALKS)
def test_the_program(name: str, typed: str, said: str) -> None:
    done = run_example("examples.approvals", name, answers=typed)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f" {said}\n")


def test_the_program_says_what_it_knows() -> None:
    done = run_example("examples.approvals", "crtical")
    assert done.returncode == 2
    assert "choose from " in done.stderr
    assert "critical" in done.stderr
    done = run_example("examples.approvals", "--help")
    assert [line.split()[0] for line in done.stdout.partition("patterns:\n")[2].splitlines()] == list(PATTERNS)


def test_the_program_says_how_to_go_on(start_worker: StartWorker, server_address: str, task_queue: str) -> None:
    start_worker(GRAPHS["critical"])
    options = ("--address", server_address, "--task-queue", task_queue)
    left = run_example("examples.approvals", "critical", *options)
    [id, _] = re.findall(r"critical-\w+", left.stdout)
    done = run_example("examples.approvals", "critical", *options, "--id", id, answers="y\n")
    assert done.stdout.endswith(" The account mia is deleted, with 2 files.\n")


def test_nobody_answers() -> None:
    done = run_example("examples.approvals", "critical")
    assert (done.returncode, done.stderr) == (1, "Error: nobody answered: the input is at its end.\n")
    assert done.stdout.endswith(" \n")  # the error has a line of its own


# -- In this process ---------------------------------------------------------------------------------------------------


async def test_nothing_critical_happens_before_it_is_approved() -> None:
    run = critical.local()
    stop = await run.proceed(inputs="mia")
    assert (stop.interrupts[0].node_id, stop.state) == ("approve", Deletion())
    assert stop.interrupts[0].value["plan"] == {"user": "mia", "files": ["photos", "letters"]}
    with pytest.raises(AnswerRefusedError, match="approved: Field required"):
        await run.resume({})
    stop = await run.proceed(Decision(approved=True))
    assert stop.state == Deletion(["photos", "letters"])


async def test_what_is_refused_is_not_done() -> None:
    run = critical.local()
    await run.proceed(inputs="mia")
    stop = await run.proceed(Decision(approved=False))
    assert (stop.output, stop.state) == ("Nothing is deleted.", Deletion())


@pytest.mark.parametrize(("text", "was_edited"), [(None, False), ("Hello", True), ("", True)])
async def test_a_draft_passes_or_is_changed(text: str | None, was_edited: bool) -> None:
    run = letters.local()
    stop = await run.proceed(inputs="Mia")
    draft = stop.state.draft
    stop = await run.proceed({"text": text})
    assert stop.state.final == (draft if text is None else text)
    assert (stop.output, stop.state.was_edited) == (f"Sent: {stop.state.final}", was_edited)


async def test_a_chain_stops_at_each_approval_and_can_be_sent_back() -> None:
    run = chain.local()
    stop = await run.proceed(inputs="x")
    assert [asked.interrupt_id for asked in stop.interrupts] == ["execute:1.before"]
    stop = await run.proceed(Command(resume=True, update={"approved_by": ["ana"]}))
    assert ([asked.interrupt_id for asked in stop.interrupts], stop.state.log[-1]) == (["close:1.before"], "done: x")
    stop = await run.proceed(Command(goto=Send("plan", "y"), update={"approved_by": []}))
    assert [asked.interrupt_id for asked in stop.interrupts] == ["execute:2.before"]
    with pytest.raises(GraphInputError, match=r"Its nodes: 'plan', 'execute', 'close'"):
        await run.proceed(Command(goto="paln"))
    await run.set_breakpoints(before=[])
    stop = await run.proceed()
    assert stop.state == Change(["planned: x", "done: x", "planned: y", "done: y"], [])
    assert stop.is_end


async def test_each_answer_has_its_way() -> None:
    run = conditional.local()
    stop = await run.proceed(inputs=30)
    stop = await run.proceed(Explain(question="Why?"))
    assert stop.interrupts[0].interrupt_id == "ask:2.0"
    assert stop.interrupts[0].value == {"refund": 30, "explanations": ["Why? It was broken."]}
    assert (await run.proceed(Pay())).output == "30 paid"


async def test_the_deadline_is_in_the_question_and_does_not_move() -> None:
    run = deadline.local()
    stop = await run.proceed(inputs=timedelta(hours=1))
    [asked] = stop.interrupts
    assert asked.deadline == asked.created_at + timedelta(hours=1)
    stop = await run.pass_time(timedelta(minutes=59))
    assert stop.interrupts == [asked]
    assert (await run.proceed({"verdict": "accept"})).output == "sold"


async def test_a_question_that_nobody_answers_goes_on_by_itself() -> None:
    run = deadline.local()
    await run.proceed(inputs=timedelta(hours=1))
    assert (await run.pass_time(timedelta(hours=1))).output == "not sold: nobody answered in time"


async def test_who_thinks_for_too_long_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = deadline.local()
    stop = await run.proceed(inputs=timedelta(milliseconds=1))
    [asked] = stop.interrupts

    async def think(*_: str) -> str:
        assert asked.deadline is not None
        while datetime.now(UTC) < asked.deadline:
            await asyncio.sleep(0.001)
        return "accept"

    monkeypatch.setattr("examples.approvals.deadline.choose", think)
    stop = await talk(PATTERNS["deadline"], run, stop)
    assert stop.output == "not sold: nobody answered in time"
    [_, refused] = capsys.readouterr().out.splitlines()
    assert refused.startswith("Not taken: expired: Nobody had answered 'decide:1.0' in time")


async def claimed(**fields: Any) -> LocalRun[str, Claim]:
    given: dict[str, Any] = {"requested_by": "eve", "purpose": "tea", "amount": 120, "iban": IBAN, "email": "eve@x"}
    run = claims.local()
    await run.proceed(from_node=Approve(), state=Claim(**given | fields))
    return run


async def test_a_claim_says_what_it_is_about() -> None:
    run = await claimed()
    [asked] = run.pending_interrupts()
    assert asked.value == {"question": "Pay eve 120 for tea?"}
    assert (asked.assignees, asked.quorum) == (["ann", "bob", "cid"], 2)


async def test_two_others_must_approve() -> None:
    run = await claimed(requested_by="bob")
    [asked] = run.pending_interrupts()
    assert asked.assignees == ["ann", "cid"]
    with pytest.raises(AnswerRefusedError, match="not_authorized: 'bob' may not answer"):
        await run.proceed({"approved": True}, actor="bob")
    with pytest.raises(AnswerRefusedError, match="not_authorized: 'boss' is not asked"):
        await run.proceed({"approved": True}, actor="boss")
    assert (await run.proceed({"approved": True}, actor="ann")).is_interrupt
    with pytest.raises(AnswerRefusedError, match="already_answered: 'ann' answered"):
        await run.proceed({"approved": True}, actor="ann")
    stop = await run.proceed({"approved": True}, actor="cid")
    assert (stop.is_end, stop.state.approved_by) == (True, ["ann", "cid"])
    with pytest.raises(RefusedError, match="invalid: 'bob' may not answer"):
        await (await claimed(requested_by="bob")).reassign(["ann", "bob"])


@pytest.mark.parametrize("before", [[], ["ann"]])
async def test_one_who_declines_is_enough(before: list[str]) -> None:
    run = await claimed()
    for name in before:
        await run.proceed({"approved": True}, actor=name)
    sent = len(transfers)
    stop = await run.proceed({"approved": False}, actor="cid")
    assert (stop.output, len(transfers)) == ("declined by cid", sent)


FOUR_DAYS = [
    ("asked", 0, None),
    ("reminded", 1, ["ann", "bob", "cid"]),
    ("reminded", 2, ["ann", "bob", "cid"]),
    ("escalated", 3, ["boss", "cfo"]),
    ("reminded", 4, ["boss", "cfo"]),
]


def days(audit: list[AuditEntry]) -> list[tuple[str, float, Any]]:
    """What happened after how many working days; and to whom."""
    began = audit[0].at
    return [(entry.kind, round(OFFICE.between(began, entry.at) / DAY, 1), entry.data.get("to")) for entry in audit]


async def test_a_claim_reminds_is_handed_on_and_declines() -> None:
    run = await claimed()
    await run.proceed({"approved": True}, actor="ann")
    stop = await run.pass_time(timedelta(days=7))
    assert stop.output == "declined: not approved in time"
    asked, _answered, *others = days(run.audit())
    assert [asked, *others] == [*FOUR_DAYS, ("timed_out", 5, None)]


async def test_who_has_approved_before_it_is_handed_on_counts() -> None:
    run = await claimed()
    await run.proceed({"approved": True}, actor="ann")
    while not run.pending_interrupts()[0].escalation_level:
        await run.pass_time(DAY)
    with pytest.raises(AnswerRefusedError, match="not_authorized: 'bob' is not asked"):
        await run.proceed({"approved": True}, actor="bob")
    stop = await run.proceed({"approved": True}, actor="cfo")
    assert stop.state.approved_by == ["ann", "cfo"]


async def test_nothing_is_paid_twice() -> None:
    run = await claimed(iban="DE00370400440532013000", email="nowhere")
    sent = len(transfers)
    for name in ("ann", "bob"):
        stop = await run.proceed({"approved": True}, actor=name)
    [failed] = stop.interrupts
    assert (failed.interrupt_id, failed.assignees) == ("Pay:1.failure", ["accounting"])
    assert transfers[sent:] == []
    stop = await run.proceed(Command(resume=Retry(), update={"iban": IBAN}))
    assert stop.interrupts[0].value["error"]["message"].endswith("'nowhere' is no e-mail address.")
    stop = await run.proceed(Retry())
    assert stop.is_interrupt
    stop = await run.proceed(Command(resume=Retry(), update={"email": "eve@example.org"}))
    assert stop.output == f"120 paid as payment {sent + 1}, approved by ann and bob"
    assert transfers[sent:] == [(120, IBAN.replace(" ", ""))]


@pytest.mark.parametrize("iban", ["", "DE", "DE89!", "DE89ß", "DE89370400440532013001"])
async def test_what_is_no_iban_is_said_to_be_none(iban: str) -> None:
    run = await claimed(iban=iban)
    for name in ("ann", "bob"):
        stop = await run.proceed({"approved": True}, actor=name)
    assert stop.interrupts[0].value["error"]["type"] == "ClaimError"


# -- On a server -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GRAPHS)
async def test_the_program_on_a_server(
    start_worker: StartWorker, client: Client, server_address: str, task_queue: str, name: str
) -> None:
    start_worker(GRAPHS[name])
    options = ("--address", server_address, "--task-queue", task_queue, "--id", task_queue)
    left = run_example("examples.approvals", name, *options)
    assert (left.returncode, left.stderr) == (1, "Error: nobody answered: the input is at its end.\n")
    [typed, said] = next((typed, said) for pattern, typed, said in TALKS if pattern == name)
    done = run_example("examples.approvals", name, *options, answers=typed)  # the same run goes on
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f" {said}\n")
    result: Any = await PATTERNS[name].graph.get_run(client, task_queue).result()
    assert result.output == said


async def test_a_chain_outlives_its_worker(start_worker: StartWorker, client: Client, task_queue: str) -> None:
    worker = start_worker(GRAPHS["chain"])
    run = await chain.start(client, inputs="x", id=task_queue, task_queue=task_queue)
    await run.wait()
    await run.proceed(Command(resume=True, update={"approved_by": ["ana"]}), actor="ana")
    worker.kill()
    start_worker(GRAPHS["chain"])
    seen = await run.get_state()
    assert (seen.status, seen.next, seen.values.log) == ("waiting", ["close"], ["planned: x", "done: x"])
    stop = await run.proceed(Command(resume=True, update={"approved_by": ["ana", "bob"]}), actor="bob")
    assert stop.output == "x: approved by ana and bob"
    assert [taken.actor for taken in (await run.get_state()).answered] == ["ana", "bob"]


def skipping(environment: WorkflowEnvironment, graph: TemporalGraph[Any, Any, Any, Any]) -> Client:
    config = environment.client.config()
    config["plugins"] = [GraphPlugin(graph)]
    return Client(**config)


async def test_nobody_has_to_look(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    client = skipping(time_skipping, deadline)
    async with Worker(client, task_queue=task_queue):
        inputs = PATTERNS["deadline"].inputs
        run = await deadline.start(client, inputs=inputs, id=task_queue, task_queue=task_queue)
        await time_skipping.sleep(2 * inputs)
        assert (await run.result()).output == "not sold: nobody answered in time"
        with pytest.raises(AnswerRefusedError, match=r'its output is "not sold: nobody answered in time"'):
            await run.resume({"verdict": "accept"})


async def test_the_program_finds_that_the_time_was_up(
    start_worker: StartWorker, client: Client, server_address: str, task_queue: str
) -> None:
    start_worker(GRAPHS["deadline"])
    run = await deadline.start(client, inputs=PATTERNS["deadline"].inputs, id=task_queue, task_queue=task_queue)
    await run.wait()
    with contextlib.suppress(RefusedError):  # it takes 30 seconds, if this comes too late to make it one
        await run.extend(until=datetime.now(UTC) + timedelta(seconds=1))
    await run.result()
    options = ("--address", server_address, "--task-queue", task_queue, "--id", task_queue)
    done = run_example("examples.approvals", "deadline", *options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "not sold: nobody answered in time\n", "")


async def test_a_claim_looks_after_itself(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    client = skipping(time_skipping, claims)
    pattern = PATTERNS["claims"]
    async with Worker(client, task_queue=task_queue):
        run = await claims.start(client, pattern.from_node, state=pattern.state, id=task_queue, task_queue=task_queue)
        await time_skipping.sleep(timedelta(days=8))
        assert (await run.result()).output == "declined: not approved in time"
        assert days(await run.audit()) == [*FOUR_DAYS, ("timed_out", 5, None)]


async def test_a_payment_that_fails_outlives_its_worker(
    start_worker: StartWorker, client: Client, task_queue: str
) -> None:
    worker = start_worker(GRAPHS["claims"])
    pattern = PATTERNS["claims"]

    async def approved(id: str, state: Claim) -> tuple[GraphRun[str, Claim], Stop[str, Claim]]:
        run = await claims.start(client, pattern.from_node, state=state, id=id, task_queue=task_queue)
        await run.proceed({"approved": True}, interrupt_id="Approve:1", actor="bob")
        return run, await run.proceed({"approved": True}, interrupt_id="Approve:1", actor="cid")

    _, stop = await approved(f"{task_queue}-first", replace(pattern.state, iban=IBAN, email="eve@example.org"))
    assert stop.output == "120 paid as payment 1, approved by bob and cid"
    run, stop = await approved(task_queue, pattern.state)
    assert [asked.interrupt_id for asked in stop.interrupts] == ["Pay:1.failure"]
    stop = await run.proceed(Command(resume=Retry(), update={"iban": IBAN}), actor="accounting")
    assert stop.interrupts[0].value["error"]["message"].startswith("'Payment 2: 120 for a train ticket.' cannot")
    worker.kill()
    start_worker(GRAPHS["claims"])  # which has paid nothing yet: what it paid would be payment 1
    stop = await run.proceed(Command(resume=Retry(), update={"email": "eve@example.org"}), actor="accounting")
    assert stop.output == "120 paid as payment 2, approved by bob and cid"
    actors = [entry.actor for entry in await run.audit() if entry.kind == "answered"]
    assert actors == ["bob", "cid", "accounting", "accounting"]
