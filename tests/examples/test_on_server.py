"""The examples on a Temporal server, with a worker process as users start it."""

from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from examples.fan_out.graph import fan_out
from examples.greet.graph import Greet, MyState, WaitForName, my_graph
from examples.publish.graph import Edit, Job, Published, Reject, Rejected, publish
from temporal_graph import GraphRunError
from tests.examples.conftest import StartWorker
from tests.examples.programs import run_example

PUBLISH = "examples.publish.graph:publish"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "notes.md"
    path.write_text("# Notes\n\nSome words.\n\n## More\n\n[link](nowhere.md)\n", encoding="utf-8")
    return path


async def test_publish_outlives_its_worker(
    start_worker: StartWorker, client: Client, task_queue: str, file: Path
) -> None:
    worker = start_worker(PUBLISH)
    run = await publish.start(client, inputs=Job(file), id=task_queue, task_queue=task_queue)
    stop = await run.wait()
    assert (stop.state.words, stop.state.findings) == (3, 1)
    worker.kill()
    start_worker(PUBLISH)
    await run.resume(Edit(text="# Mine\n"))
    result = await run.result()
    assert result.output == Published(file.with_name("notes.release.md"))
    assert result.output.file.read_text(encoding="utf-8") == "# Mine\n"


async def test_publish_with_nothing_but_the_sdk(
    start_worker: StartWorker, client: Client, task_queue: str, file: Path
) -> None:
    start_worker(PUBLISH)
    handle = await client.start_workflow(
        "publish", {"inputs": {"file": str(file)}}, id=task_queue, task_queue=task_queue
    )
    await handle.execute_update("proceed")
    [pending] = await handle.query("pending_interrupts")
    assert sorted(pending["response_schema"]["discriminator"]["mapping"]) == ["approve", "edit", "reject"]
    await handle.signal("resume", {"value": {"verdict": "approve"}})
    result = await handle.result()
    assert file.with_name("notes.release.md").read_text(encoding="utf-8") == result["state"]["draft"]


async def test_publish_nothing(start_worker: StartWorker, client: Client, task_queue: str, file: Path) -> None:
    start_worker(PUBLISH)
    run = await publish.start(client, inputs=Job(file), id=task_queue, task_queue=task_queue)
    await run.wait()
    stop = await run.proceed(Reject(reason="no"))
    assert stop.output == Rejected("no")
    assert not file.with_name("notes.release.md").exists()


async def test_a_missing_file_is_not_tried_again(
    start_worker: StartWorker, client: Client, task_queue: str, tmp_path: Path
) -> None:
    start_worker(PUBLISH)
    job = Job(tmp_path / "nowhere.md")
    run = await publish.start(client, inputs=job, id=task_queue, task_queue=task_queue)
    with pytest.raises(GraphRunError, match=r"there is no file '.*nowhere\.md' on the worker's machine"):
        await run.result()
    history = await client.get_workflow_handle(task_queue).fetch_history()
    [started] = [e for e in history.events if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED]
    assert started.activity_task_started_event_attributes.attempt == 1


async def test_publish_as_a_program(
    start_worker: StartWorker, server_address: str, task_queue: str, file: Path
) -> None:
    start_worker(PUBLISH)
    options = ("--address", server_address, "--task-queue", task_queue, "--id", task_queue)
    left = run_example("examples.publish", file, *options)
    assert left.returncode == 1
    done = run_example("examples.publish", file, *options, answers="a\n")  # the same run goes on
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"Written: {file.with_name('notes.release.md')}\n")


async def test_greet(start_worker: StartWorker, client: Client, server_address: str, task_queue: str) -> None:
    start_worker("examples.greet.graph:my_graph")
    stop = await my_graph.proceed(client, id=task_queue, from_node=Greet(), state=MyState(), task_queue=task_queue)
    assert stop.next_node == WaitForName()
    options = ("--address", server_address, "--task-queue", task_queue, "--id", task_queue)
    done = run_example("examples.greet", *options, answers="Bob\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Hello, what is your name? Goodbye, Bob!\n"
    result = await my_graph.get_run(client, task_queue).result()
    assert result.state == MyState("Bob", ["Hello, what is your name?", "Goodbye, Bob!"])


async def test_fan_out(start_worker: StartWorker, client: Client, task_queue: str) -> None:
    start_worker("examples.fan_out.graph:fan_out")
    result = await fan_out.run(client, inputs=["tea", "salt"], id=task_queue, task_queue=task_queue)
    assert {item: offer.shop for item, offer in result.output.items()} == {"tea": "corner shop", "salt": "corner shop"}
    history = await client.get_workflow_handle(task_queue).fetch_history()
    kinds = [event.event_type for event in history.events]
    assert kinds.count(EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED) == 4  # two slow shops for each
