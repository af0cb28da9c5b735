"""The servers and fixtures that the other tests stand on."""

import socket
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.workflow import UnfinishedSignalHandlersWarning

from tests.support.process import ProcessFailed
from tests.support.server import DevServer


@activity.defn
async def add_one(number: int) -> int:
    return number + 1


@workflow.defn
class Chain:
    """Awaits a number of activities, one after the other."""

    @workflow.run
    async def run(self, length: int) -> int:
        value = 0
        for _ in range(length):
            value = await workflow.execute_activity(add_one, value, start_to_close_timeout=timedelta(seconds=10))
        return value


@workflow.defn
class Wait:
    """Sleeps, or waits until it is told to go on."""

    def __init__(self) -> None:
        self.told = False

    @workflow.run
    async def run(self, seconds: float) -> bool:
        try:
            await workflow.wait_condition(lambda: self.told, timeout=timedelta(seconds=seconds))
        except TimeoutError:
            return False
        return True

    @workflow.signal
    def go_on(self) -> None:
        self.told = True


@workflow.defn
class Abandoning:
    """Ends while one of its handlers still waits: what no workflow of ours may do."""

    def __init__(self) -> None:
        self.may_end = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self.may_end)

    @workflow.signal
    async def never_done(self) -> None:
        self.may_end = True
        await workflow.wait_condition(lambda: False)


async def test_the_shared_server_runs_a_workflow(client: Client, task_queue: str) -> None:
    async with Worker(client, task_queue=task_queue, workflows=[Chain], activities=[add_one]):
        assert await client.execute_workflow(Chain.run, 3, id=task_queue, task_queue=task_queue) == 3


async def test_a_second_test_has_an_event_loop_and_a_client_of_its_own(client: Client, task_queue: str) -> None:
    async with Worker(client, task_queue=task_queue, workflows=[Chain], activities=[add_one]):
        assert await client.execute_workflow(Chain.run, 1, id=task_queue, task_queue=task_queue) == 1


async def test_time_skips(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    client = time_skipping.client
    before = await time_skipping.get_current_time()
    async with Worker(client, task_queue=task_queue, workflows=[Wait]):
        year = timedelta(days=365).total_seconds()
        assert await client.execute_workflow(Wait.run, year, id=task_queue, task_queue=task_queue) is False
    assert await time_skipping.get_current_time() - before >= timedelta(days=365)


async def test_a_killed_server_comes_back_with_its_data(own_server: DevServer, task_queue: str) -> None:
    client = await own_server.connect()
    handle = await client.start_workflow(Wait.run, 600, id=task_queue, task_queue=task_queue)
    own_server.kill()
    with pytest.raises(Exception, match=r"refused|transport|onnect"):
        await client.service_client.check_health(timeout=timedelta(seconds=2))

    await own_server.start()
    await handle.signal(Wait.go_on)
    async with Worker(client, task_queue=task_queue, workflows=[Wait]):
        assert await handle.result() is True


async def test_a_handler_left_unfinished_is_seen(client: Client, task_queue: str) -> None:
    with pytest.warns(UnfinishedSignalHandlersWarning, match="never_done"):  # noqa: PT031
        async with Worker(client, task_queue=task_queue, workflows=[Abandoning]):
            handle = await client.start_workflow(Abandoning.run, id=task_queue, task_queue=task_queue)
            await handle.signal(Abandoning.never_done)
            await handle.result()


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        with pytest.raises(ProcessFailed, match=f"(?s)ended while it was starting.*{port}"):
            await DevServer(tmp_path, port=port).start(timeout=20)


async def test_a_server_is_not_taken_for_another_one_on_its_port(own_server: DevServer, tmp_path: Path) -> None:
    (folder := tmp_path / "other").mkdir()
    with pytest.raises(ProcessFailed, match=f"(?s)ended while it was starting.*{own_server.port}"):
        await DevServer(folder, port=own_server.port).start(timeout=20)


async def test_an_error_tells_that_the_server_had_ended(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as caught:  # noqa: PT012
        async with DevServer(tmp_path) as server:
            server.kill()
            raise RuntimeError
    [note] = caught.value.__notes__
    assert "ended with -9" in note
    assert "Temporal Server" in note
