"""What pydantic-graph-interrupt could do: nodes that wait for what only a person can bring, and `proceed()`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import pytest
from pydantic import BaseModel
from pydantic_graph import BaseNode, End, GraphRunContext
from temporalio.client import Client

from temporal_graph import (
    AnswerRefusedError,
    GraphDefinitionError,
    GraphInputError,
    InterruptibleGraph,
    InterruptNode,
    Required,
)
from tests.server.conftest import Serve

# -- Define graph with interrupt nodes ---------------------------------------------------------------------------------


@dataclass
class Talk:
    name: str | None = None
    lines: list[str] = field(default_factory=list[str])


@dataclass
class Hello(BaseNode[Talk]):
    async def run(self, ctx: GraphRunContext[Talk]) -> Name:
        ctx.state.lines.append("Who is there?")
        return Name()


@dataclass
class Name(InterruptNode[Talk]):
    name: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Talk]) -> Farewell:
        assert self.name is not None
        ctx.state.name = self.name
        return Farewell(self.name)


@dataclass
class Farewell(BaseNode[Talk, None, Talk]):
    name: str

    async def run(self, ctx: GraphRunContext[Talk]) -> End[Talk]:
        ctx.state.lines.append(f"So long, {self.name}.")
        return End(ctx.state)


talk = InterruptibleGraph(nodes=[Hello, Name, Farewell])
LINES = ["Who is there?", "So long, Mia."]


async def test_define_graph_with_interrupt_nodes(serve: Serve, task_queue: str) -> None:
    assert talk.name == "talk", "the variable's name"
    async with serve(talk) as client:
        stop = await talk.proceed(client, id=task_queue, from_node=Hello(), state=Talk(), task_queue=task_queue)
        assert (stop.is_interrupt, stop.next_node, stop.state) == (True, Name(), Talk(lines=LINES[:1]))
        stop = await talk.proceed(client, id=task_queue, from_node=Name(name="Mia"))
        assert (stop.is_end, stop.output) == (True, Talk("Mia", LINES))


async def test_what_is_required_must_be_brought(serve: Serve, task_queue: str) -> None:
    async with serve(talk) as client:
        run = await talk.start(client, Hello(), state=Talk(), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        schema = stop.interrupts[0].response_schema
        assert schema is not None
        assert schema["required"] == ["name"]
        with pytest.raises(AnswerRefusedError, match="name: Field required") as refused:
            await run.proceed({})
        assert refused.value.reason == "invalid"
        again = await talk.proceed(client, id=task_queue, from_node=Name())  # it brings nothing, so it only waits
        assert again.interrupts == stop.interrupts
        assert (await run.proceed({"name": "Mia"})).is_end


async def test_a_program_says_with_the_same_call_what_it_has(serve: Serve, task_queue: str) -> None:
    """`proceed()` both starts and goes on: whoever calls need not know which of the two it is."""
    async with serve(talk) as client:
        for node in (Hello(), Hello(), Name(name="Mia")):
            stop = await talk.proceed(client, id=task_queue, from_node=node, state=Talk(), task_queue=task_queue)
        assert stop.output == Talk("Mia", LINES)


def test_a_node_that_is_not_in_the_list() -> None:
    with pytest.raises(GraphDefinitionError, match=r"Name may return Farewell, which is not in the list.*Add it: \["):
        InterruptibleGraph([Hello, Name], name="short")


# -- Initialize persistence --------------------------------------------------------------------------------------------


async def test_initialize_persistence(client: Client, serve: Serve, task_queue: str) -> None:
    """Where a run begins, and with what, is on the server before anything runs; there is nothing to choose."""
    run = await talk.start(client, Hello(), state=Talk(lines=["(the door)"]), id=task_queue, task_queue=task_queue)
    with pytest.raises(GraphInputError, match=r"exists already.*get_run\(client"):
        await talk.start(client, Hello(), state=Talk(), id=task_queue, task_queue=task_queue)
    async with serve(talk):
        assert (await run.wait()).state.lines == ["(the door)", "Who is there?"]
        assert (await run.proceed({"name": "Mia"})).is_end


async def test_a_first_node_of_another_graph_is_refused(client: Client, task_queue: str) -> None:
    with pytest.raises(GraphInputError, match=r"no node 'Page'.*Its nodes: 'Hello', 'Name', 'Farewell'"):
        await talk.start(client, Page("x"), id=task_queue, task_queue=task_queue)  # type: ignore[arg-type]


async def test_a_first_state_of_another_type_is_refused(client: Client, task_queue: str) -> None:
    with pytest.raises(GraphInputError, match="state of graph 'talk'"):
        await talk.start(client, Hello(), state=Binder(), id=task_queue, task_queue=task_queue)  # type: ignore[arg-type]


# -- Start the graph ---------------------------------------------------------------------------------------------------


async def test_start_the_graph(serve: Serve, task_queue: str) -> None:
    """One program starts the run, and knows no more than its id; another one, later, goes on with it."""
    async with serve(talk) as client:
        await talk.start(client, Hello(), state=Talk(), id=task_queue, task_queue=task_queue)
    async with serve(talk) as client:
        run = talk.get_run(client, task_queue)
        assert (await run.wait()).next_node == Name()
        await run.resume({"name": "Mia"})
        result = await run.result()
        assert result.output == result.state == Talk("Mia", LINES)


# -- Use cases: a chatbot, which needs what its user types ------------------------------------------------------------


@dataclass
class Chat:
    said: list[str] = field(default_factory=list[str])


@dataclass
class Ask(BaseNode[Chat]):
    question: str

    async def run(self, ctx: GraphRunContext[Chat]) -> UserSays:
        ctx.state.said.append(f"bot: {self.question}")
        return UserSays(self.question)


@dataclass
class UserSays(InterruptNode[Chat]):
    question: str
    text: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Chat]) -> Ask | Bye:
        assert self.text is not None
        ctx.state.said.append(f"user: {self.text}")
        return Bye() if self.text == "bye" else Ask(f"Why {self.text}?")


@dataclass
class Bye(BaseNode[Chat, None, int]):
    async def run(self, ctx: GraphRunContext[Chat]) -> End[int]:
        return End(len(ctx.state.said))


chatbot = InterruptibleGraph([Ask, UserSays, Bye], name="chatbot")


async def test_use_case_chatbot(serve: Serve, task_queue: str) -> None:
    async with serve(chatbot) as client:
        run = await chatbot.start(client, Ask("What now?"), state=Chat(), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        for turn, text in enumerate(["tea", "milk", "bye"], 1):
            assert stop.interrupts[0].interrupt_id == f"UserSays:{turn}"
            stop = await run.proceed({"text": text}, answer_id=f"message-{turn}")
            twice = await run.resume({"text": text}, answer_id=f"message-{turn}")  # a message that arrives twice
            assert twice.interrupt_id == f"UserSays:{turn}"
        assert stop.output == 6
        assert [line for line in stop.state.said if line.startswith("bot")] == [
            "bot: What now?",
            "bot: Why tea?",
            "bot: Why milk?",
        ]


# -- Use cases: a document that somebody outside approves -------------------------------------------------------------


@dataclass
class Binder:
    pages: list[str] = field(default_factory=list[str])


@dataclass
class Page(BaseNode[Binder]):
    text: str

    async def run(self, ctx: GraphRunContext[Binder]) -> Approval:
        return Approval(self.text.strip().capitalize())


class Stamp(BaseModel):
    """A yes or no, with an optional remark."""

    approved: bool
    remark: str = ""


@dataclass
class Approval(InterruptNode[Binder, None, str]):
    """Shows what it has, and takes a stamp."""

    text: str
    stamp: Annotated[Stamp | None, Required] = None

    async def run(self, ctx: GraphRunContext[Binder]) -> End[str]:
        assert self.stamp is not None
        if self.stamp.approved:
            ctx.state.pages.append(self.text)
        return End(f"{'filed' if self.stamp.approved else 'returned'} {self.stamp.remark}".strip())


documents = InterruptibleGraph([Page, Approval], name="documents")


@pytest.mark.parametrize(
    ("answer", "output", "pages"),
    [
        ({"stamp": {"approved": True}}, "filed", ["An offer"]),
        ({"stamp": {"approved": False, "remark": "no date"}}, "returned no date", []),
        (Approval("An offer", Stamp(approved=False, remark="no date")), "returned no date", []),
    ],
)
async def test_use_case_document(
    serve: Serve, task_queue: str, answer: dict[str, object] | Approval, output: str, pages: list[str]
) -> None:
    async with serve(documents) as client:
        run = await documents.start(client, Page(" an offer "), state=Binder(), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert stop.next_node == Approval("An offer")
        assert stop.interrupts[0].value == {"text": "An offer"}
        with pytest.raises(AnswerRefusedError, match=r"stamp.approved: Input should be a valid boolean"):
            await run.resume({"stamp": {"approved": "perhaps"}}, actor="tom")
        if isinstance(answer, Approval):
            stop = await documents.proceed(client, id=task_queue, from_node=answer)
        else:
            stop = await run.proceed(answer, actor="mia")
            assert [taken.actor for taken in (await run.get_state()).answered] == ["mia"]
        assert (stop.output, stop.state.pages) == (output, pages)


# -- Use cases: a long run in pieces, each done by a worker in the background -----------------------------------------


@dataclass
class Work:
    done: list[int] = field(default_factory=list[int])


@dataclass
class Chunk(BaseNode[Work]):
    number: int

    async def run(self, ctx: GraphRunContext[Work]) -> Pause:
        ctx.state.done.append(self.number)
        return Pause(self.number)


@dataclass
class Pause(InterruptNode[Work, None, list[int]]):
    """Asks for nothing: any answer lets it go on."""

    number: int

    async def run(self, ctx: GraphRunContext[Work]) -> Chunk | End[list[int]]:
        return Chunk(self.number + 1) if self.number < 3 else End(ctx.state.done)


pieces = InterruptibleGraph([Chunk, Pause], name="pieces")


async def test_use_case_long_run_in_pieces(serve: Serve, task_queue: str) -> None:
    for piece in (1, 2, 3):
        async with serve(pieces) as client:  # each piece by another worker, and nothing of it runs in between
            if piece == 1:
                run = await pieces.start(client, Chunk(1), state=Work(), id=task_queue, task_queue=task_queue)
                stop = await run.wait()
            else:
                stop = await pieces.get_run(client, task_queue).proceed({})
            assert (stop.next_node, stop.state.done) == (Pause(piece), list(range(1, piece + 1)))
    async with serve(pieces) as client:
        assert (await pieces.get_run(client, task_queue).proceed({})).output == [1, 2, 3]
