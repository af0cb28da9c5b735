"""The exchanges of docs/wire.md: read from the page, and made with a real run by a client that knows no graph.

`python -m tests.docs.exchanges` prints the page with what really comes back.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import sys
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.worker import Worker

from temporal_graph import GraphPlugin, TemporalGraph, register_search_attributes
from tests.replay.serving import until, worker_options
from tests.support.process import ROOT
from tests.support.server import DevServer

PAGE = ROOT / "docs/wire.md"
BLOCK = re.compile(r"^```jsonc\n// (.*?)\n(.*?)(?:^// (reply|fails: \w+)\n(.*?))?^```$", re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)")
ANY = "…"
"""As a value, whatever there is; at the end of a list or as the name of a field, others that are not shown."""
WIDTH = 120


@dataclass
class Exchange:
    """One block of the page.

    Attributes:
        verb: `start`, `signal`, `update`, `query`, `result` or `memo`.
        words: What comes after it: the name, and for a start the id of the run.
        sent: The JSON that is sent; None for nothing.
        outcome: `reply`, `fails: ` and a type, or nothing.
        shown: The JSON that comes back, as the page shows it.
    """

    verb: str
    words: list[str]
    sent: str
    outcome: str
    shown: str

    def __str__(self) -> str:
        return " ".join([self.verb, *self.words])


def exchanges() -> list[Exchange]:
    """Those of the page, in their order."""
    found: list[Exchange] = []
    for head, sent, outcome, shown in BLOCK.findall(PAGE.read_text()):
        verb, *words = head.split()
        found.append(Exchange(verb, words, sent.strip(), outcome, shown.strip()))
    return found


def graphs(folder: Path) -> list[TemporalGraph[Any, Any, Any, Any]]:
    """The graphs that the page defines."""
    name = f"wire_page_{uuid.uuid4().hex[:8]}"
    path = folder / f"{name}.py"
    path.write_text("\n".join(PROGRAM.findall(PAGE.read_text())))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return [value for value in vars(module).values() if isinstance(value, TemporalGraph)]


@dataclass
class Conversation:
    """What is said to the runs of the page, one exchange after the other.

    Attributes:
        client: A Temporal client.
        task_queue: That of the worker.
        handle: The run that was started last, or named last.
        replies: What has come back, by the words of the exchange.
    """

    client: Client
    task_queue: str
    handle: WorkflowHandle[Any, Any] | None = None
    replies: dict[str, Any] = field(default_factory=dict[str, Any])

    async def make(self, exchange: Exchange) -> tuple[str, Any]:
        """Send what is sent.

        Returns:
            The outcome, as `Exchange` has it, and what came back.
        """
        try:
            reply = await self._send(exchange)
        except (WorkflowUpdateFailedError, WorkflowFailureError) as error:
            return _outcome(error.cause)
        except RPCError as error:
            return f"fails: {error.status.name}", {"message": error.message}
        self.replies[str(exchange)] = reply
        return "reply", reply

    async def _send(self, exchange: Exchange) -> Any:
        name, *others = exchange.words or [""]
        sent = self._filled(json.loads(exchange.sent)) if exchange.sent else None
        args = [] if sent is None else [sent]
        if exchange.verb == "start":
            self.handle = await self.client.start_workflow(name, args=args, id=others[0], task_queue=self.task_queue)
            return None
        if others:
            self.handle = self.client.get_workflow_handle(others[-1])
        handle = self.handle
        assert handle is not None
        match exchange.verb:
            case "signal":
                await handle.signal(name, args=args)
                return None
            case "update":
                return await handle.execute_update(name, args=args)
            case "query":
                return await handle.query(name, args=args)
            case "result":
                return await handle.result()
            case "memo":
                return await until(lambda: _memo(handle, name))
            case other:
                raise AssertionError(f"{other!r} is no verb of the page")

    def _filled(self, sent: Any) -> Any:
        """What is sent, with replies in the places that say so."""
        if isinstance(sent, dict):
            return {name: self._filled(value) for name, value in sent.items()}
        if isinstance(sent, str) and sent.startswith("<") and sent.endswith(">"):
            return self.replies[sent[1:-1]]
        return sent


def _outcome(cause: BaseException) -> tuple[str, Any]:
    assert isinstance(cause, ApplicationError)
    return f"fails: {cause.type}", next(iter(cause.details), {"message": cause.message})


async def _memo(handle: WorkflowHandle[Any, Any], name: str) -> Any:
    return (await (await handle.describe()).memo()).get(name)


def difference(shown: Any, found: Any, place: str = "$") -> str | None:
    """Where something is not what is shown; None where it is."""
    if shown == ANY or (_is_time(shown) and _is_time(found)):
        return None
    if isinstance(shown, dict) and isinstance(found, dict):
        named = [name for name in shown if name != ANY]
        if {name for name in found if name in named or ANY not in shown} != {*named}:
            return f"{place}: the fields are {list(found)}, not {list(shown)}"
        return next(filter(None, (difference(shown[name], found[name], f"{place}.{name}") for name in named)), None)
    if isinstance(shown, list) and isinstance(found, list):
        is_open = shown[-1:] == [ANY]
        items = shown[:-1] if is_open else shown
        if len(found) < len(items) or (len(found) > len(items) and not is_open):
            return f"{place}: there are {len(found)} items, not {len(items)}"
        pairs = enumerate(zip(items, found, strict=False))
        return next(filter(None, (difference(one, other, f"{place}[{i}]") for i, (one, other) in pairs)), None)
    return None if shown == found and type(shown) is type(found) else f"{place}: it is {found!r}, not {shown!r}"


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and TIME.fullmatch(value) is not None


def pretty(value: Any, indent: int = 0) -> str:
    """JSON that fills its lines."""
    text = json.dumps(value, ensure_ascii=False)
    if indent + len(text) <= WIDTH or not isinstance(value, dict | list) or not value:
        return text
    inner, begin, end = indent + 2, *("{}" if isinstance(value, dict) else "[]")
    items: list[str] = []
    for name, item in value.items() if isinstance(value, dict) else ((None, item) for item in value):
        key = "" if name is None else f"{json.dumps(name, ensure_ascii=False)}: "
        items.append(key + pretty(item, inner))
    lines = f",\n{' ' * inner}".join(items)
    return f"{begin}\n{' ' * inner}{lines}\n{' ' * indent}{end}"


def cut(shown: Any, found: Any) -> Any:
    """What came back, with what the page does not show left out."""
    if shown == ANY:
        return ANY
    if isinstance(shown, dict) and isinstance(found, dict) and ANY in shown:
        kept: Mapping[str, Any] = {name: cut(shown[name], item) for name, item in found.items() if name in shown}
        return {**kept, ANY: ANY}
    if isinstance(shown, dict) and isinstance(found, dict):
        return {name: cut(shown.get(name), item) for name, item in found.items()}
    if isinstance(shown, list) and isinstance(found, list) and shown[-1:] == [ANY]:
        return [*(cut(one, other) for one, other in zip(shown[:-1], found, strict=False)), ANY]
    if isinstance(shown, list) and isinstance(found, list):
        return [cut(one, other) for one, other in zip([*shown, *[None] * len(found)], found, strict=False)]
    return found


async def _print() -> None:
    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        async with DevServer(Path(folder)) as server:
            client = await server.connect()
            await register_search_attributes(client)
            known = await server.connect(GraphPlugin(*graphs(Path(folder))))
            async with Worker(known, task_queue="wire", **worker_options()):
                conversation = Conversation(client, "wire")
                for exchange in exchanges():
                    print(f"// {exchange}", file=sys.stderr)
                    outcome, reply = await conversation.make(exchange)
                    shown = json.loads(exchange.shown) if exchange.shown else None
                    head = f"// {exchange}\n" + (f"{exchange.sent}\n" if exchange.sent else "")
                    said = f"// {outcome}\n{pretty(cut(shown, reply))}\n" if exchange.outcome else ""
                    found.append(f"```jsonc\n{head}{said}```")
    blocks = iter(found)
    print(BLOCK.sub(lambda _: next(blocks), PAGE.read_text()), end="")


if __name__ == "__main__":
    asyncio.run(_print())
