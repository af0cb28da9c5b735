"""The worker command: reads its flags, loads the graphs, runs the worker."""

from __future__ import annotations

import asyncio
import logging

from temporalio.converter import DataConverter

from . import logs
from .arguments import parse
from .failure import WorkerError, one_line
from .loading import load, load_converter, load_graphs, load_notifier
from .serving import serve
from .stopping import Stop


def main(argv: list[str] | None = None) -> int:
    """Run a worker until it is stopped.

    Args:
        argv: The command line, without the program. Default: this process's own.

    Returns:
        The exit code, as `--help` says.

    Raises:
        SystemExit: The command line cannot be read, or asks for help.
    """
    arguments = parse(argv)
    logs.set_up(arguments.log_format, arguments.log_level)
    stop = Stop()
    stop.listen()
    try:
        graphs = load_graphs(arguments.graph)
        deps = None if arguments.deps is None else load("--deps", arguments.deps)
        notify = None if arguments.notify is None else load_notifier(arguments.notify)
        converter = DataConverter.default
        if arguments.data_converter is not None:
            converter = load_converter(arguments.data_converter)
        return asyncio.run(serve(arguments, graphs, deps, notify, converter, stop))
    except WorkerError as error:
        logs.event(logging.ERROR, one_line(error))
        return 2
