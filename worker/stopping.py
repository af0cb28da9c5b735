"""SIGTERM and SIGINT: the first asks the worker to stop, the second ends it at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from .logs import PATIENCE, event, flush

T = TypeVar("T")

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequestedError(Exception):
    """The worker was asked to stop while it was still starting."""


def leave(code: int) -> NoReturn:
    """End the process with this code, at once.

    The interpreter is not shut down, for a process that used temporalio can crash while that happens, after all its
    work is done (sdk-python #300). Whatever must be closed is closed before.
    """
    logging.shutdown()
    # In a thread, since it would wait for ever for who does not read.
    flushing = threading.Thread(target=_flush, daemon=True)
    flushing.start()
    flushing.join(PATIENCE)
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()


class Stop:
    """Listens to the two signals.

    Attributes:
        at_once: Called before the process ends at once, in order to end what would outlive it.
    """

    def __init__(self) -> None:
        self.at_once: list[Callable[[], object]] = []
        self._requested: signal.Signals | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None
        self._sockets: tuple[socket.socket, socket.socket] | None = None

    def listen(self) -> None:
        """Begin; on the main thread. Until `attach` there is nothing to wait for: the first signal ends the process."""
        # A thread of its own is told by the interpreter's C code which signals came. Handlers in Python run on the main
        # thread, when it next gets to it: not while a node blocks it.
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self._sockets = reader, writer
        for number in SIGNALS:
            signal.signal(number, _handled_elsewhere)
        _leave_children_alone()
        threading.Thread(target=self._watch, name="signals", daemon=True).start()

    def attach(self) -> None:
        """From now on the running event loop is told."""
        self._event = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def requested(self) -> str | None:
        """Name of the signal that asked, if one did."""
        return None if self._requested is None else self._requested.name

    async def wait(self) -> None:
        """Return when the worker is asked to stop."""
        assert self._event is not None, "attach() comes first"
        await self._event.wait()

    async def unless_requested(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this, but no longer than until the worker is asked to stop.

        Raises:
            StopRequestedError: It was asked to stop; the work is cancelled.
        """
        working, asked = asyncio.create_task(work), asyncio.create_task(self.wait())
        try:
            await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise StopRequestedError
        finally:
            for task in (working, asked):
                task.cancel()
            await asyncio.gather(working, asked, return_exceptions=True)

    def _watch(self) -> None:
        assert self._sockets is not None
        while True:
            for number in self._sockets[0].recv(64):
                if number in SIGNALS:
                    self._came(signal.Signals(number))

    def _came(self, number: signal.Signals) -> None:
        if self._loop is None or self._event is None:
            os._exit(0)
        if self._requested is not None:
            for end in self.at_once:
                end()
            flush()
            # What was printed is not: that could wait for a lock.
            os._exit(128 + number)
        self._requested = number
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is about to end
            self._loop.call_soon_threadsafe(self._event.set)


def _leave_children_alone() -> None:
    """Let a child that a node forks be ended by signals as usual, and this process hear nothing of it."""
    if sys.platform == "win32":
        return
    masks = threading.local()

    # A signal that reaches the child before it has forgotten the worker's handlers waits until it has.
    def before() -> None:
        masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    def in_parent() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.before)

    def in_child() -> None:
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.before)

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def _handled_elsewhere(number: int, frame: object) -> None:
    """A handler in Python, without which the thread would not be told."""


def say_stopping(stop: Stop, grace: float) -> None:
    """Log that the worker stops, and how long that may take."""
    event(logging.INFO, "stopping", signal=stop.requested, graceful_shutdown=grace)
