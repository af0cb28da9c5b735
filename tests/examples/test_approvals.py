"""The patterns of approval: their graphs in this process, the program that shows them, and both on a server."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from examples.approvals.__main__ import PATTERNS
from examples.approvals.chain import Change, chain
from examples.approvals.conditional import Explain, Pay, conditional
from examples.approvals.critical import Decision, Deletion, critical
from examples.approvals.deadline import deadline
from examples.approvals.review import letters
from temporal_graph import AnswerRefusedError, Command, GraphInputError, Send
from tests.examples.conftest import StartWorker
from tests.examples.programs import run_example

GRAPHS = {
    "critical": "examples.approvals.critical:critical",
    "review": "examples.approvals.review:letters",
    "chain": "examples.approvals.chain:chain",
    "conditional": "examples.approvals.conditional:conditional",
    "deadline": "examples.approvals.deadline:deadline",
}
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


def test_nobody_answers() -> None:
    done = run_example("examples.approvals", "critical")
    assert (done.returncode, done.stderr) == (1, "Error: nobody answered: the input is at its end.\n")


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
    before = datetime.now(UTC)
    stop = await run.proceed(inputs=timedelta(hours=1))
    until = datetime.fromisoformat(stop.interrupts[0].value["until"])
    assert before + timedelta(hours=1) <= until <= datetime.now(UTC) + timedelta(hours=1)
    stop = await run.proceed({"verdict": "accept"})
    assert (stop.output, stop.state.until) == ("sold", until)


@pytest.mark.parametrize("within", [timedelta(seconds=0.1), timedelta(), -timedelta(days=1)])
async def test_the_program_answers_when_it_is_too_late(monkeypatch: pytest.MonkeyPatch, within: timedelta) -> None:
    async def nobody(*_: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("examples.approvals.deadline.choose", nobody)
    run = deadline.local()
    stop = await run.proceed(inputs=within)
    said = await PATTERNS["deadline"].answer(stop)
    assert said.verdict == "expired"
    assert (await run.proceed(said)).output == "nobody answered in time"


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


async def test_a_deadline_that_passed_while_nobody_looked(
    start_worker: StartWorker, client: Client, server_address: str, task_queue: str
) -> None:
    start_worker(GRAPHS["deadline"])
    run = await deadline.start(client, inputs=PATTERNS["deadline"].inputs, id=task_queue, task_queue=task_queue)
    await run.wait()
    await run.proceed(Command(update={"until": datetime(2001, 1, 1, tzinfo=UTC)}, goto="decide"))
    options = ("--address", server_address, "--task-queue", task_queue, "--id", task_queue)
    done = run_example("examples.approvals", "deadline", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\nnobody answered in time\n")
    with pytest.raises(AnswerRefusedError, match=r'its output is "nobody answered in time"'):
        await run.resume({"verdict": "accept"})
