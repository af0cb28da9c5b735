"""Payloads on their way: encrypted by a codec, or kept outside of Temporal."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
from collections.abc import AsyncGenerator, Sequence

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHistory
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    ExternalStorage,
    PayloadCodec,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)
from temporalio.worker import Replayer, Worker

from temporal_graph import AnswerRefusedError, GraphPlugin, GraphRunError, TemporalGraph
from tests.replay.serving import chain, worker_options
from tests.server.bad_graphs import Heap, Pile, heap
from tests.server.looking import unless_stuck
from tests.server.payload_graphs import SECRET, Load, Open, Vault, large, local_vault, short_vault, vault

MEGABYTE = 1_000_000


class Xor(PayloadCodec):
    """Encrypts, as far as a test needs it."""

    def __init__(self, *, grows: bool = False) -> None:
        self._grows = grows

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [Payload(metadata={"encoding": b"binary/xor"}, data=self._turn(p.SerializeToString())) for p in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload.FromString(self._back(payload.data)) if payload.metadata["encoding"] == b"binary/xor" else payload
            for payload in payloads
        ]

    def _turn(self, data: bytes) -> bytes:
        turned = data.translate(_TABLE)
        return base64.b64encode(turned) if self._grows else turned

    def _back(self, data: bytes) -> bytes:
        return (base64.b64decode(data) if self._grows else data).translate(_TABLE)


_TABLE = bytes(byte ^ 0x5A for byte in range(256))


class Cellar(StorageDriver):
    """Keeps payloads in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def name(self) -> str:
        return "cellar"

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        claims: list[StorageDriverClaim] = []
        for payload in payloads:
            data = payload.SerializeToString()
            key = hashlib.sha256(data).hexdigest()
            self.kept[key] = data
            claims.append(StorageDriverClaim({"key": key}))
        return claims

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        return [Payload.FromString(self.kept[claim.claim_data["key"]]) for claim in claims]


def encrypting(*, grows: bool = False) -> DataConverter:
    """A converter that lets nothing through as it is, failures included."""
    return dataclasses.replace(
        DataConverter.default,
        payload_codec=Xor(grows=grows),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


@contextlib.asynccontextmanager
async def served(
    address: str, task_queue: str, converter: DataConverter, *graphs: TemporalGraph
) -> AsyncGenerator[Client]:
    """A worker whose client converts data in its own way; the runs are replayed in the end."""
    client = await Client.connect(address, plugins=[GraphPlugin(*graphs)], data_converter=converter)
    async with Worker(client, task_queue=task_queue, **worker_options()):
        yield client
    replayer = Replayer(workflows=[], plugins=[GraphPlugin(*graphs)], data_converter=converter)
    for graph in graphs:
        for history in await histories(client, f"{task_queue}-{graph.name}"):
            await replayer.replay_workflow(history)


async def histories(client: Client, run_id: str) -> list[WorkflowHistory]:
    """All histories of a run, as the server has them."""
    return await chain(client, run_id)


def texts(found: Sequence[WorkflowHistory]) -> bytes:
    """All that the server knows of a run, as bytes."""
    return b"".join(event.SerializeToString() for history in found for event in history.events)


@pytest.mark.parametrize("graph", [vault, short_vault, local_vault], ids=lambda graph: graph.name)
async def test_the_server_sees_no_plain_text(server_address: str, task_queue: str, graph: TemporalGraph) -> None:
    async with served(server_address, task_queue, encrypting(), graph) as client:
        run_id = f"{task_queue}-{graph.name}"
        node = Open(SECRET)
        run = await graph.start(client, node, state=Vault(), id=run_id, task_queue=task_queue)
        stop = await run.wait()
        [pending] = await run.pending_interrupts()
        assert stop.interrupts == [pending]
        assert pending.value == {"text": f"{SECRET} for {SECRET}"}
        with pytest.raises(AnswerRefusedError, match="valid string"):
            await run.resume({"code": [SECRET]})
        await client.get_workflow_handle(run_id).signal("resume", {"value": {"code": [SECRET]}})
        assert [item["answer"] for item in (await run.get_state()).rejected] == [{"value": {"code": [SECRET]}}]
        accepted = await run.resume({"code": f"{SECRET} 1"}, actor=SECRET)
        assert accepted.actor == SECRET
        await run.wait()
        await client.get_workflow_handle(run_id).signal("resume", {"value": f"{SECRET} 2"})
        result = await run.result()
        assert result.output == f"{SECRET} {SECRET} 1 {SECRET} 2"
        assert result.state == Vault([f"{SECRET} opened {SECRET}", f"{SECRET} code {SECRET} 1"])
        found = await histories(client, run_id)
        assert SECRET.encode() not in texts(found)
        assert b"binary/xor" in texts(found)
    if graph is short_vault:
        assert len(found) > 1


async def test_errors_are_encrypted_too(server_address: str, task_queue: str) -> None:
    async with served(server_address, task_queue, encrypting(), vault) as client:
        run_id = f"{task_queue}-vault"
        run = await vault.start(client, Open(SECRET), state=Vault(), id=run_id, task_queue=task_queue)
        await run.wait()
        await run.proceed({"code": "x"})
        with pytest.raises(GraphRunError, match=f"'Close' failed with TypeError: {SECRET} fail"):
            await run.proceed("fail")
        with pytest.raises(GraphRunError, match=f"'Close' failed with TypeError: {SECRET} fail"):
            await run.result()
        assert SECRET.encode() not in texts(await histories(client, run_id))


async def test_start_with_an_update_is_encrypted(server_address: str, task_queue: str) -> None:
    async with served(server_address, task_queue, encrypting(), vault) as client:
        run_id = f"{task_queue}-vault"
        stop = await vault.proceed(client, id=run_id, from_node=Open(SECRET), state=Vault(), task_queue=task_queue)
        assert stop.is_interrupt
        assert SECRET.encode() not in texts(await histories(client, run_id))
        await client.get_workflow_handle(run_id).terminate()


@pytest.mark.parametrize("size", [10, 3 * MEGABYTE])
async def test_what_is_large_is_kept_elsewhere(server_address: str, task_queue: str, size: int) -> None:
    """Inputs, state, a node's input and result, question, answer, output, snapshot: all over 2 MiB."""
    cellar = Cellar()
    converter = dataclasses.replace(DataConverter.default, external_storage=ExternalStorage(drivers=[cellar]))
    async with served(server_address, task_queue, converter, large) as client:
        run_id = f"{task_queue}-large"
        run = await large.start(client, inputs="x" * size, state=Load(["b" * size]), id=run_id, task_queue=task_queue)
        stop = await run.wait()
        assert stop.interrupts[0].value == "x" * size + "y"
        await run.resume("a" * size)
        result = await run.result()
        assert [len(item) for item in sorted(result.output, key=len)] == [size, size + 1]
        assert [len(blob) for blob in result.state.blobs] == [size, size]
        found = await histories(client, run_id)
    assert bool(cellar.kept) == (size > MEGABYTE)
    assert len(texts(found)) < 100_000


async def test_large_things_can_be_encrypted_as_well(server_address: str, task_queue: str) -> None:
    cellar = Cellar()
    converter = dataclasses.replace(encrypting(), external_storage=ExternalStorage(drivers=[cellar]))
    async with served(server_address, task_queue, converter, vault) as client:
        run_id = f"{task_queue}-vault"
        node = Open(SECRET * 300_000)
        run = await vault.start(client, node, state=Vault(), id=run_id, task_queue=task_queue)
        stop = await run.wait()
        assert len(stop.interrupts[0].value["text"]) > 3_000_000
        await run.proceed({"code": SECRET})
        assert (await run.proceed("end")).output == f"{SECRET} {SECRET} end"
        found = await histories(client, run_id)
    assert cellar.kept
    assert not any(SECRET.encode() in data for data in cellar.kept.values())
    assert SECRET.encode() not in texts(found)


@pytest.mark.parametrize(
    ("node", "state"),
    [
        (Heap("output", 1_800_000), Pile()),
        (Heap("output", 900_000), Pile("x" * 900_000)),
    ],
    ids=["node", "end"],
)
async def test_a_codec_that_makes_payloads_larger(
    server_address: str, task_queue: str, node: Heap, state: Pile
) -> None:
    """Base64, as Fernet has it, adds a third: what is then too large is an error, and not a run that is stuck."""
    async with served(server_address, task_queue, encrypting(grows=True), heap) as client:
        run = await heap.start(client, node, state=state, id=f"{task_queue}-heap", task_queue=task_queue)
        with pytest.raises(GraphRunError, match="TooLarge"):
            await unless_stuck(client, run.id, run.result())
