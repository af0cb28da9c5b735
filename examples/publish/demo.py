"""Shows all of it: a server, a worker, a run that waits for you, and the worker killed while it waits.

`python -m examples.publish.demo [FILE]`; with YES=1 in the environment, or without a terminal, it answers by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shlex
import signal
import sys
import uuid
from collections.abc import AsyncGenerator, Awaitable
from pathlib import Path
from typing import Any, TypeVar

from examples.publish.graph import Approve, Job, Publication, Published, Rejected, publish
from examples.publish.processes import ROOT, Child, Server, server, temporal_program, worker
from examples.publish.show import Nodes, show_draft, show_graph, title
from examples.publish.verdicts import ask_verdict
from examples.terminal import ExampleError, ask, run, shown
from temporal_graph import GraphRun

T = TypeVar("T")

GRAPH = "examples.publish.graph:publish"
TASK_QUEUE = "demo"
Run = GraphRun[Published | Rejected, Publication]


def arguments_given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.publish.demo", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "README.md", help="a Markdown file")
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo", help="where everything goes (default: .demo)")
    return parser.parse_args()


def files_given() -> tuple[Path, Path]:
    """The file to publish, and the folder for what the demo writes.

    Raises:
        ExampleError: There is no such file.
    """
    arguments = arguments_given()
    file, folder = Path(os.path.abspath(arguments.file)), Path(os.path.abspath(arguments.folder))
    if not file.is_file():
        raise ExampleError(f"there is no file {str(arguments.file)!r}; name a Markdown file.")
    return file, folder


async def main() -> int:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _cancel, asyncio.current_task())
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _cancel, asyncio.current_task())
    file, folder = files_given()
    is_asking = sys.stdin.isatty() and os.environ.get("YES", "") in ("", "0")
    title("A server, and a worker")
    async with server(folder) as temporal:
        print(f"  server   process {temporal.child.pid}, at {temporal.address}, data in {shown(temporal.data)}")
        await tell(temporal, file, folder, is_asking)
        if is_asking:
            with contextlib.suppress(ExampleError, asyncio.CancelledError):  # Ctrl-C or Ctrl-D will do
                await ask("\n  Press Enter to stop the server. ")
    if not is_asking:
        print("\n  The server has stopped. To see the run again:")
        print(f"  {look_again(temporal)}")
    return 0


def _cancel(task: asyncio.Task[Any] | None) -> None:
    if task is not None:
        task.cancel()


async def tell(temporal: Server, file: Path, folder: Path, is_asking: bool) -> None:
    """Tell the story."""
    async with workers(temporal, folder) as staff:
        print(f"  worker   process {staff.current.pid}, log in {shown(staff.current.log)}")

        title("The graph 'publish'")
        show_graph(publish.graph)

        run_id = f"publish-{file.stem}-{uuid.uuid4().hex[:6]}"
        title(f"A run on {shown(file)}")
        job = Job(file, folder / f"{file.stem}.release.md")
        work = await publish.start(temporal.client, inputs=job, id=run_id, task_queue=TASK_QUEUE)
        async with nodes_shown(temporal, work) as nodes:
            stop = await staff.while_it_works(work.wait())
            await nodes.shown()

            title("The run waits for a person. Its draft:")
            show_draft(stop.state.draft)

            title("A crash, while it waits")
            await crash(temporal, staff, work)

            title("Your answer")
            verdict = await ask_verdict(stop.state.draft, margin="  ") if is_asking else answer_by_itself()
            print()
            await staff.while_it_works(work.resume(verdict, actor="whoever sits at the terminal"))
            result = await staff.while_it_works(work.result())
            await nodes.shown()
        show_end(result.output, await link(temporal, work))


async def crash(temporal: Server, staff: Staff, work: Run) -> None:
    """Kill the worker, and start another, which finds the question."""
    killed = staff.current.pid
    staff.current.kill()
    description = await temporal.client.get_workflow_handle(work.id).describe()
    status = description.status.name.lower() if description.status else "gone"
    print(f"  Process {killed} is killed with SIGKILL. No worker is left; the server says that the run is {status}.")
    staff.hire()
    print(
        f"  Process {staff.current.pid} is started instead. The server gives the old one ten seconds to come back ...",
        flush=True,
    )
    [pending] = await staff.while_it_works(work.pending_interrupts())
    print(f"  Process {staff.current.pid} has read the run's history, and knows what is asked: {pending.interrupt_id}.")


def answer_by_itself() -> Approve:
    """What the demo says where nobody can be asked."""
    why = "YES is set" if os.environ.get("YES", "") not in ("", "0") else "there is no terminal"
    print(f"  Approve, edit or reject? [a/e/r] a   ({why}: the demo answers)")
    return Approve()


def show_end(output: Published | Rejected, link: str) -> None:
    match output:
        case Published(file):
            title("Done")
            print(f"  result   {shown(file)}")
        case Rejected(reason):
            title("Rejected")
            print(f"  reason   {reason or 'none was given'}; nothing was written")
    print(f"  the run  {link}")


async def link(temporal: Server, work: Run) -> str:
    """The address of the run in the Temporal UI."""
    run_id = (await temporal.client.get_workflow_handle(work.id).describe()).run_id
    return f"{temporal.ui}/namespaces/default/workflows/{work.id}/{run_id}/history"


def look_again(temporal: Server) -> str:
    """The command that starts the server once more, on the same data."""
    ui_port = temporal.ui.rpartition(":")[2]
    program, data = shlex.quote(shown(Path(temporal_program()))), shlex.quote(shown(temporal.data))
    return f"{program} server start-dev --db-filename {data} --ui-port {ui_port}"


@contextlib.asynccontextmanager
async def nodes_shown(temporal: Server, work: Run) -> AsyncGenerator[Nodes]:
    """Show the nodes of a run as they finish."""
    nodes = Nodes(temporal.client.get_workflow_handle(work.id))
    task = asyncio.create_task(nodes.follow())
    try:
        yield nodes
    finally:
        task.cancel()
        [outcome] = await asyncio.gather(task, return_exceptions=True)
    if isinstance(outcome, Exception):
        raise outcome


class Staff:
    """The demo's workers: one at a time."""

    def __init__(self, temporal: Server, log: Path) -> None:
        self._temporal = temporal
        self._log = log
        self.current: Child = self.hire()

    def hire(self) -> Child:
        """Start a worker."""
        self.current = worker(self._temporal, GRAPH, TASK_QUEUE, self._log)
        return self.current

    async def while_it_works(self, waiting: Awaitable[T]) -> T:
        """Wait for something that only comes if the worker and the server live.

        Raises:
            ExampleError: One of them has ended.
        """
        task = asyncio.ensure_future(waiting)
        try:
            while not task.done():
                self.current.check()
                self._temporal.child.check()
                await asyncio.wait([task], timeout=0.2)
            return task.result()
        finally:
            task.cancel()


@contextlib.asynccontextmanager
async def workers(temporal: Server, folder: Path) -> AsyncGenerator[Staff]:
    """Have a worker, until the end."""
    staff = Staff(temporal, folder / "worker.log")
    try:
        yield staff
    finally:
        await staff.current.stop()


if __name__ == "__main__":
    run(main())
