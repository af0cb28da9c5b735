"""What the examples' programs share: how they speak with whoever sits at the terminal, and how they end."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

from temporalio.client import Client
from temporalio.service import RPCError

from temporal_graph import GraphError

INTERRUPTED = 130
"""The exit code of a program that was stopped by Ctrl-C, as shells have it."""


TERMINATED = 143
"""The exit code of a program that was stopped by SIGTERM."""


class ExampleError(Exception):
    """What a user can put right: shown as one line, without a traceback."""


def run(program: Coroutine[Any, Any, int]) -> NoReturn:
    """Run a program, and end the process with its exit code.

    The interpreter is not shut down: a process that used temporalio can crash while it is.
    """
    try:
        code = asyncio.run(program)
    except (ExampleError, GraphError) as error:
        print(f"Error: {error}", file=sys.stderr)
        code = 1
    except RPCError as error:
        print(f"Error: the Temporal server cannot be asked: {error.message}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        code = INTERRUPTED
    except asyncio.CancelledError:
        print("\nStopped.", file=sys.stderr)
        code = TERMINATED
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


async def ask(prompt: str) -> str:
    """Ask for a line.

    It is read in a thread that nobody waits for, so that Ctrl-C stops the program while it waits.

    Raises:
        ExampleError: The input is at its end.
    """
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def finish(text: str | None) -> None:
        if line.done():
            return
        if text is None:
            print()  # what comes next begins a line of its own
            line.set_exception(ExampleError("nobody answered: the input is at its end."))
        else:
            line.set_result(text)

    def read() -> None:
        try:
            text = input(prompt)
        except (EOFError, UnicodeDecodeError):
            text = None
        loop.call_soon_threadsafe(finish, text)

    threading.Thread(target=read, daemon=True).start()
    return await line


def shown(path: Path) -> str:
    """A path as short as it can be: below the current folder without the folder's own name."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


async def connect(address: str) -> Client:
    """Connect to a Temporal server.

    Raises:
        ExampleError: Nobody answers there.
    """
    try:
        return await asyncio.wait_for(Client.connect(address), timeout=10)
    except (RuntimeError, TimeoutError) as error:
        raise ExampleError(
            f"no Temporal server answers at {address!r}. Start one: temporal server start-dev"
        ) from error
