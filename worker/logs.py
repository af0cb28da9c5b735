"""The worker's log: one line for each event, to stderr, for people or as JSON."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import traceback
from collections import deque
from datetime import UTC, datetime
from typing import Any, cast

from temporalio import activity, workflow
from temporalio.runtime import Runtime

from temporal_graph import forwarding_runtime

from .failure import blame, named

LOGGER = logging.getLogger("temporal_graph.worker")

PATIENCE = 1
"""Seconds that whoever ends the process waits for who reads the log, if that one reads nothing."""

LOGGED = "_temporal_graph_worker_logged"
"""Attribute of an exception that was logged where it was raised, so that the SDK's line about it is left out."""


def event(level: int, what: str, *, error: BaseException | None = None, **fields: object) -> None:
    """Log what happened.

    Args:
        level: One of `logging`'s.
        what: What happened, in a few words that are always the same.
        error: The exception that it happened with.
        fields: The particulars.
    """
    LOGGER.log(level, what, exc_info=error, extra={"fields": fields})


def set_up(log_format: str, level: str) -> None:
    """Send every log record of this process, the SDK's and the nodes' too, to stderr.

    Args:
        log_format: `text` or `json`.
        level: Lower-case name of the least level that is shown; `debug` shows tracebacks in text, too.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    handler = LineHandler(sys.stderr.fileno())
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(tracebacks=level == "debug"))
    handler.addFilter(_not_logged_already)
    logging.basicConfig(handlers=[handler], level=number, force=True)
    logging.captureWarnings(True)
    # What the SDK and the plugin say about their own comings and goings; the loggers that nodes write to are below it.
    if number == logging.INFO:
        for name in ("temporalio", "temporal_graph.temporal.plugin"):
            logging.getLogger(name).setLevel(logging.WARNING)
        activity.logger.base_logger.setLevel(number)
        workflow.logger.base_logger.setLevel(number)
    # What they would append to every message stands in the fields.
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False


def flush() -> None:
    """Have what was logged written, as far as somebody reads it."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def runtime() -> Runtime:
    """A runtime for the SDK's core that writes to this log, not to the console in a format of its own."""
    return forwarding_runtime("temporalio.core", has_fields=False)


def _not_logged_already(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not (record.name.startswith("temporalio") and getattr(error, LOGGED, False))


class LineHandler(logging.Handler):
    """Writes the lines of the log in a thread of its own, so that nobody who logs waits for who should read them.

    A pipe that nobody reads is full one day, and so is a disk: runs go on all the same, and lines are dropped. How many
    were, the log says when it can.

    Args:
        file: The file descriptor that they go to.
        most: How many lines may wait.
    """

    def __init__(self, file: int, *, most: int = 10_000) -> None:
        super().__init__()
        assert self.lock is not None
        self._file = file
        self._most = most
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._is_writing = False
        self._changed = threading.Condition(self.lock)  # which `logging` holds around `emit`, and renews in a fork
        self._pid = os.getpid()
        threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """See base class."""
        line = self._line(record)
        if os.getpid() != self._pid:  # a child that a node has forked has no such thread, and nobody else to hold up
            self._write(line)
        elif len(self._lines) < self._most:
            self._lines.append(line)
            self._changed.notify_all()
        else:
            self._dropped += 1

    def flush(self) -> None:
        """Wait until all lines are written; but not for who reads none of them."""
        if not self._changed.acquire(timeout=PATIENCE):
            return
        try:
            left = -1
            while os.getpid() == self._pid and (self._lines or self._is_writing) and left != len(self._lines):
                left = len(self._lines)
                self._changed.wait_for(lambda: not self._lines and not self._is_writing, timeout=PATIENCE)
        finally:
            self._changed.release()

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record) + "\n"
        except Exception as error:  # of what somebody has given to a message
            what = f"a log record cannot be written: {type(error).__name__}: {error}"
            return self.format(_record(logging.ERROR, what)) + "\n"

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._lines))
                self._is_writing = True
                line = self._lines.popleft()
                if self._dropped and not self._lines:
                    what = "log lines were dropped: nobody read them in time"
                    self._lines.append(self._line(_record(logging.WARNING, what, lines=self._dropped)))
                    self._dropped = 0
            self._write(line)

    def _write(self, line: str) -> None:
        data = line.encode(errors="backslashreplace")
        with contextlib.suppress(OSError):  # nobody will ever read it
            while data:
                data = data[os.write(self._file, data) :]


def _record(level: int, what: str, **fields: object) -> logging.LogRecord:
    """A record about the log itself."""
    return LOGGER.makeRecord(LOGGER.name, level, __file__, 0, what, (), None, extra={"fields": fields})


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `event`, `logger`, the fields, and `error` and `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        """See base class."""
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        line |= {name: value for name, value in _fields(record).items() if name not in line}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line["traceback"] = "".join(traceback.format_exception(error))
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """`time level what happened name=value ...`, on one line whatever is in it.

    Args:
        tracebacks: Whether an exception's traceback follows, on lines of its own.
    """

    def __init__(self, *, tracebacks: bool = False) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """See base class."""
        message = "\\n".join(record.getMessage().splitlines())
        fields = " ".join(f"{name}={_shown(value)}" for name, value in _fields(record).items() if value is not None)
        line = f"{_time(record)} {record.levelname.lower():<7} {message}"
        if fields:
            line += f"  {fields}"
        error = record.exc_info[1] if record.exc_info else None
        if self._tracebacks and error is not None:
            line += "\n" + "".join(traceback.format_exception(error)).rstrip()
        return line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """What a record says besides its message: our own fields, and what the SDK knows about where it was written."""
    fields: dict[str, object] = dict(getattr(record, "fields", {}))
    for source in ("temporal_activity", "temporal_workflow"):
        info = cast("dict[str, Any]", getattr(record, source, None) or {})
        fields |= {ours: info[theirs] for theirs, ours in _SHOWN.items() if theirs in info}
    core = getattr(getattr(record, "temporal_log", None), "fields", None)
    if core:
        fields |= {name: value for name, value in cast("dict[str, Any]", core).items() if name != "message"}
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        fields["error"] = named(error)
        fields["at"] = blame(error)
    return fields


_SHOWN = {"workflow_type": "graph", "activity_type": "activity", "workflow_id": "run", "attempt": "attempt"}


def _shown(value: object) -> str:
    text = str(value)
    if text and not any(character.isspace() or character in "\"'=" for character in text):
        return text
    return json.dumps(text, ensure_ascii=False)
