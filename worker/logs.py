"""The worker's log: one line for each event, to stderr, for people or as JSON."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, cast

from temporalio import activity, workflow
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from .failure import blame, one_line

LOGGER = logging.getLogger("temporal_graph.worker")

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
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(tracebacks=level == "debug"))
    handler.addFilter(_not_logged_already)
    logging.basicConfig(handlers=[handler], level=number, force=True)
    logging.captureWarnings(True)
    # What the SDK says about its own comings and goings; the loggers that nodes write to are below it.
    if number == logging.INFO:
        logging.getLogger("temporalio").setLevel(logging.WARNING)
        activity.logger.base_logger.setLevel(number)
        workflow.logger.base_logger.setLevel(number)
    # What they would append to every message stands in the fields.
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False


def runtime() -> Runtime:
    """A runtime for the SDK's core that writes to this log, not to the console in a format of its own."""
    forwarding = LogForwardingConfig(
        logger=logging.getLogger("temporalio.core"),
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    levels = TelemetryFilter(core_level="WARN", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=levels, forwarding=forwarding)))


def _not_logged_already(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not (record.name.startswith("temporalio") and getattr(error, LOGGED, False))


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
        message = one_line(error)
        fields["error"] = f"{type(error).__name__}: {message}" if message else type(error).__name__
        fields["at"] = blame(error)
    return fields


_SHOWN = {"workflow_type": "graph", "activity_type": "activity", "workflow_id": "run", "attempt": "attempt"}


def _shown(value: object) -> str:
    text = str(value)
    if text and not any(character.isspace() or character in "\"'=" for character in text):
        return text
    return json.dumps(text, ensure_ascii=False)
