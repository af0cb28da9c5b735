"""The exit code of a test run is the tests' own, even if the interpreter would crash while it shuts down."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process import ROOT

HOOKS = "from tests.support.own_exit import pytest_sessionstart, pytest_unconfigure\n"
UNFINISHED_HANDLERS = "from tests.conftest import no_unfinished_handlers\n"

# What the SDK does to a process now and then, done each time.
CRASHES_AT_EXIT = "import atexit, os\natexit.register(os.abort)\n"
PASSES = "def test_passes():\n    assert True\n"
FAILS = "def test_fails():\n    assert False, 'as it should'\n"


def run_pytest(folder: Path, *options: str, conftest: str = HOOKS, module: str) -> subprocess.CompletedProcess[str]:
    """Runs pytest on one module, in an empty project of its own."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_module.py").write_text(module)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "COVERAGE_"))}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


ALONE_AND_IN_PARALLEL = pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "xdist"])


@ALONE_AND_IN_PARALLEL
def test_a_run_that_passes_exits_with_0(tmp_path: Path, options: tuple[str, ...]) -> None:
    run = run_pytest(tmp_path, *options, conftest=HOOKS + CRASHES_AT_EXIT, module=PASSES)
    assert "1 passed" in run.stdout.splitlines()[-1]
    assert run.returncode == 0, run.stderr
    assert "Aborted" not in run.stderr


@ALONE_AND_IN_PARALLEL
def test_a_run_that_fails_exits_with_1(tmp_path: Path, options: tuple[str, ...]) -> None:
    run = run_pytest(tmp_path, *options, conftest=HOOKS + CRASHES_AT_EXIT, module=PASSES + FAILS)
    assert "1 failed, 1 passed" in run.stdout.splitlines()[-1]
    assert "as it should" in run.stdout
    assert run.returncode == 1, run.stderr


def test_without_the_hooks_such_a_run_crashes(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, conftest=CRASHES_AT_EXIT, module=PASSES)
    assert "1 passed" in run.stdout
    assert run.returncode < 0


def test_a_run_without_tests_exits_with_5(tmp_path: Path) -> None:
    assert run_pytest(tmp_path, module="").returncode == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_fixture_that_fails_at_the_very_end_counts(tmp_path: Path) -> None:
    module = """
import pytest

@pytest.fixture(scope="session", autouse=True)
def server():
    yield
    raise RuntimeError("the server did not stop")

def test_passes():
    pass
"""
    run = run_pytest(tmp_path, module=module)
    assert "the server did not stop" in run.stdout
    assert run.returncode == 1


@ALONE_AND_IN_PARALLEL
def test_coverage_data_is_written(tmp_path: Path, options: tuple[str, ...]) -> None:
    run = run_pytest(tmp_path, *options, "-p", "pytest_cov", "--cov=.", "--cov-report=json", module=PASSES)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / ".coverage").exists()
    assert '"test_module.py"' in (tmp_path / "coverage.json").read_text()


def test_coverage_below_the_limit_fails(tmp_path: Path) -> None:
    module = PASSES + "if not __name__:\n    never = 1\n"
    run = run_pytest(tmp_path, "-p", "pytest_cov", "--cov=.", "--cov-fail-under=100", module=module)
    assert run.returncode == 1


def test_an_unfinished_handler_fails_the_run(tmp_path: Path) -> None:
    module = """
import warnings
from concurrent.futures import ThreadPoolExecutor
from temporalio.workflow import UnfinishedUpdateHandlersWarning

def test_passes():
    with ThreadPoolExecutor(1) as pool:  # where the SDK runs workflows
        pool.submit(warnings.warn, UnfinishedUpdateHandlersWarning("update 'approve'")).result()
"""
    run = run_pytest(tmp_path, "-W", "error", conftest=HOOKS + UNFINISHED_HANDLERS, module=module)
    assert "1 passed, 1 error" in run.stdout
    assert "a workflow ended while its handlers ran: [\"update 'approve'\"]" in run.stdout
    assert run.returncode == 1
