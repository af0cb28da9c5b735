"""Makes the exit code of a pytest process the tests' own.

A process that used temporalio can crash while the interpreter shuts down, after all its work is done (sdk-python #300).
So a process of ours does not let the interpreter shut down: when the last hook of a session has run, it flushes what
it wrote and leaves by `os._exit`. By then reports are printed, coverage data is written, session fixtures are closed,
and an xdist worker has sent its last message; only `atexit` functions and destructors are skipped.

`tests/conftest.py` imports the hooks. They are no plugin module, so that they work with any command line.
"""

import os
import sys

import pytest
from _pytest.capture import CaptureManager

_SESSION = pytest.StashKey[pytest.Session]()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Remembers the session: its exit status is only final when everything else is done."""
    session.config.stash[_SESSION] = session


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leaves the process with the session's exit status. Without one (`--help`, `--version`) it does nothing."""
    session = config.stash.get(_SESSION, None)
    if session is None:
        return
    # Output captured since the last test (a fixture that was closed at the end, say) would be lost with the process.
    capture = config.pluginmanager.getplugin("capturemanager")
    if isinstance(capture, CaptureManager):
        capture.stop_global_capturing()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(session.exitstatus))
