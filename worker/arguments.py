"""The worker's command line."""

from __future__ import annotations

import argparse
import itertools
import logging
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from .failure import one_line
from .logs import LOGGER, JsonFormatter

DESCRIPTION = "Runs graphs for a Temporal server until it is stopped with SIGTERM or SIGINT (Ctrl-C)."
EPILOG = """\
The connection comes from Temporal's own environment variables and configuration file (TEMPORAL_ADDRESS,
TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS..., TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE); a flag goes before a
variable, and a variable before the file. Without any of them it is localhost:7233, namespace "default".

exit code: 0 stopped by a signal, or there were only search attributes to register; 1 the worker failed while it ran;
2 it could not start, and one line says why; 128 + the signal's number when a second signal ended it at once.
"""

Group: TypeAlias = Any
"""A group of flags; argparse has no public name for its type."""

LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What the command line says; None where it says nothing."""

    graph: list[str]
    deps: str | None
    notify: str | None
    data_converter: str | None
    task_queue: str
    graceful_shutdown: float
    max_cached_workflows: int
    max_concurrent_activities: int | None
    max_concurrent_workflow_tasks: int
    deployment: str | None
    build_id: str | None
    versioning: str | None
    address: str | None
    namespace: str | None
    tls: bool | None
    api_key: str | None
    profile: str | None
    config_file: Path | None
    connect_timeout: float
    dev: bool
    dev_db: Path
    dev_port: int
    dev_ui_port: int
    register_search_attributes: bool
    search_attributes: bool | None
    log_format: str
    log_level: str


def parse(argv: list[str] | None = None) -> Arguments:
    """Read the command line.

    Args:
        argv: Its words, without the program's. Default: this process's own.

    Raises:
        SystemExit: It cannot be read (code 2, after one line on stderr), or asked for help (code 0).
    """
    words = sys.argv[1:] if argv is None else argv
    parser = _parser()
    # The line that says what is wrong is part of the log, whose format is not known to argparse before it has read it.
    parser.as_json = "--log-format=json" in words or ("--log-format", "json") in itertools.pairwise(words)
    arguments = Arguments(**vars(parser.parse_args(argv)))
    if not arguments.graph and (arguments.dev or not arguments.register_search_attributes):
        parser.error("the following arguments are required: --graph")
    if (arguments.deployment is None) != (arguments.build_id is None):
        parser.error("--deployment and --build-id go together: which deployment this is, and which release of it")
    if arguments.versioning is not None and arguments.deployment is None:
        parser.error("--versioning says how runs move between the releases of a deployment; give --deployment, too")
    if arguments.dev:
        for name in ("address", "tls", "api_key", "profile", "config_file"):
            if getattr(arguments, name) is not None:
                flag = "--" + name.replace("_", "-")
                parser.error(f"--dev starts a server of its own and connects to that; leave out {flag} or --dev")
    return arguments


class _Parser(argparse.ArgumentParser):
    as_json = False

    def error(self, message: str) -> NoReturn:
        """Say on one line what is wrong, without the usage."""
        message = f"{one_line(message)} (--help lists every flag)"
        if self.as_json:
            record = logging.LogRecord(LOGGER.name, logging.ERROR, __file__, 0, message, None, None)
            self.exit(2, f"{JsonFormatter().format(record)}\n")
        self.exit(2, f"{self.prog}: error: {message}\n")


def _parser() -> _Parser:
    parser = _Parser(
        prog="worker",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _work(parser.add_argument_group("what it runs"))
    _versioning(parser.add_argument_group("worker versioning"))
    _connection(parser.add_argument_group("connection"))
    _queue(parser.add_argument_group("approval queue"))
    _dev(parser.add_argument_group("embedded server"))
    _logs(parser.add_argument_group("logs"))
    return parser


def _work(group: Group) -> None:
    group.add_argument(
        "--graph",
        action="append",
        default=[],
        metavar="MODULE:ATTRIBUTE",
        help="a TemporalGraph or InterruptibleGraph; MODULE is a dotted name, looked for from the current folder, or "
        "the path of a .py file; give the flag once for each graph; required, except to register only",
    )
    group.add_argument(
        "--deps",
        metavar="MODULE:ATTRIBUTE",
        help="what nodes see as ctx.deps: a value, a function that makes it, or an async context manager",
    )
    group.add_argument(
        "--notify",
        metavar="MODULE:ATTRIBUTE",
        help="who is told what happens to the questions of runs: an async function of a Notification, a Webhook, an "
        "AppriseNotifier, or several as one, each(...)",
    )
    group.add_argument(
        "--data-converter",
        metavar="MODULE:ATTRIBUTE",
        help="how values become payloads: a Temporal DataConverter, say with a payload codec that encrypts, or a "
        "function that makes it; the same as that of the clients",
    )
    group.add_argument("--task-queue", default="graphs", type=_text, metavar="NAME", help="default: %(default)s")
    group.add_argument(
        "--graceful-shutdown",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="how long running nodes get to end when the worker is stopped; default: 30",
    )
    group.add_argument(
        "--max-cached-workflows",
        type=_whole(0),
        default=1000,
        metavar="N",
        help="runs kept in memory; default: %(default)s",
    )
    group.add_argument(
        "--max-concurrent-activities",
        type=_whole(1),
        metavar="N",
        help="nodes that run at the same time; default: Temporal's",
    )
    group.add_argument(
        "--max-concurrent-workflow-tasks",
        type=_whole(2),
        default=20,
        metavar="N",
        help="runs that the worker decides for at the same time, and those whose local nodes run are among them; with "
        "Temporal's own default, 100, the tasks of local nodes take long, and no more is done; default: %(default)s",
    )


def _versioning(group: Group) -> None:
    group.add_argument(
        "--deployment",
        type=_text,
        metavar="NAME",
        help="take part in Temporal's worker versioning, as a worker of this deployment; needs --build-id. Nothing "
        "comes to it before `temporal worker deployment set-current-version` names it",
    )
    group.add_argument(
        "--build-id", type=_text, metavar="ID", help="which release of the deployment this is, a commit for example"
    )
    group.add_argument(
        "--versioning",
        choices=("auto-upgrade", "pinned"),
        help="how runs move to the next release: with their next task, or when they continue as new; "
        "default: auto-upgrade",
    )


def _connection(group: Group) -> None:
    group.add_argument("--address", type=_text, metavar="HOST:PORT")
    group.add_argument("--namespace", type=_text, metavar="NAME")
    group.add_argument("--tls", action=argparse.BooleanOptionalAction, help="default: on with an API key")
    group.add_argument(
        "--api-key",
        type=_text,
        metavar="KEY",
        help="better given as TEMPORAL_API_KEY: others on this machine can read command lines",
    )
    group.add_argument("--profile", type=_text, metavar="NAME", help="a profile of the configuration file")
    group.add_argument("--config-file", type=Path, metavar="FILE", help="instead of Temporal's own place for it")
    group.add_argument(
        "--connect-timeout",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="how long to try to reach the server; default: 10",
    )


def _queue(group: Group) -> None:
    group.add_argument(
        "--register-search-attributes",
        action="store_true",
        help="before anything else, register on the server what runs show of the questions that they wait with "
        "(GraphStatus, GraphPendingNodes, GraphAssignees, GraphDeadline), by which ApprovalQueue finds them; what is "
        "there stays. Without --graph that is all, and the command ends. Workers look for them when they start, so "
        "start the others anew. --dev does it on its own server without being told",
    )
    group.add_argument(
        "--search-attributes",
        action=argparse.BooleanOptionalAction,
        help="have runs set these attributes, also where this worker may not list those of the server; if it finds "
        "them missing, it does not start; or never have them set; default: what the server lists decides",
    )


def _dev(group: Group) -> None:
    group.add_argument(
        "--dev",
        action="store_true",
        help="start a Temporal server with a web UI for this worker, for development, and stop it with the worker "
        "(needs: pip install 'pydantic-graph-temporal[dev-server]')",
    )
    group.add_argument(
        "--dev-db",
        type=Path,
        default=Path(".temporal", "dev.sqlite"),
        metavar="FILE",
        help="where its runs are kept; default: %(default)s",
    )
    group.add_argument(
        "--dev-port", type=_port, default=7233, metavar="PORT", help="0 for a free one; default: %(default)s"
    )
    group.add_argument(
        "--dev-ui-port", type=_port, default=8233, metavar="PORT", help="0 for a free one; default: %(default)s"
    )


def _logs(group: Group) -> None:
    group.add_argument("--log-format", choices=("text", "json"), default="text", help="default: %(default)s")
    group.add_argument("--log-level", choices=LEVELS, default="info", help="default: %(default)s")


def _text(value: str) -> str:
    if not value.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return value


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 1e9:
        raise argparse.ArgumentTypeError(f"{value!r} is no number of seconds; write 0, 0.5, 30, ...")
    return seconds


def _whole(least: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not value.isascii() or not value.isdigit() or int(value) < least:
            raise argparse.ArgumentTypeError(f"{value!r} is no whole number from {least} up")
        return int(value)

    return read


def _port(value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) > 65535:
        raise argparse.ArgumentTypeError(f"{value!r} is no port; write a number from 0 to 65535")
    return int(value)
