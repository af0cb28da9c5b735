"""What keeps a worker from starting: one clear line, exit code 2, no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.server import free_port
from tests.worker.command import GRAPHS, refused
from worker.arguments import parse
from worker.failure import WorkerError
from worker.loading import load, load_graphs, load_notifier

GRAPH = f"{GRAPHS}:waiting"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tests.worker.graphs", "write MODULE:ATTRIBUTE"),
        (":waiting", "write MODULE:ATTRIBUTE"),
        ("tests.worker.graphs:", "write MODULE:ATTRIBUTE"),
        ("tests.worker.nowhere:waiting", "there is no module 'tests.worker.nowhere'"),
        ("nowhere.at_all:waiting", "there is no module 'nowhere'"),
        ("tests/worker/nowhere.py:waiting", "there is no file 'tests/worker/nowhere.py'"),
        (f"{GRAPHS}:wating", "has no 'wating'. The graphs in 'tests.worker.graphs': waiting, failing, same_name"),
        (f"{GRAPHS}:Namespace.outer", "the class 'Namespace' has no 'outer'"),
        (f"{GRAPHS}:NO_GRAPH", "is no graph but a value of type 'int'"),
        (f"{GRAPHS}:broken_tools", "is no graph but the function 'broken_tools'"),
        (f"{GRAPHS}:failing_plain", "wrap it: TemporalGraph(failing_plain, name=...)"),
        (f"{GRAPHS}:_f", "build it and wrap it: TemporalGraph(_f.build(), name=...)"),
        (f"{GRAPHS}:Wait", "wrap its graph: InterruptibleGraph([Wait, ...], name=...)"),
    ],
)
def test_a_name_that_is_no_graph(name: str, says: str) -> None:
    with pytest.raises(WorkerError) as caught:
        load_graphs([name])
    line = str(caught.value)
    assert f"--graph {name!r}" in line
    assert says in line
    assert "\n" not in line


def test_it_ends_with_one_line() -> None:
    assert "has no 'wating'" in refused("--graph", f"{GRAPHS}:wating")
    assert "worker: error: the following arguments are required: --graph" in refused()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import no_such_package\n", "ModuleNotFoundError: No module named 'no_such_package' (at broken.py:1)"),
        ("x = 1\nraise ValueError('two\\nlines')\n", "ValueError: two lines (at broken.py:2)"),
        ("def broken(:\n", "SyntaxError: "),
        ("import sys\nsys.exit(0)\n", "SystemExit: 0 (at broken.py:2)"),
        (
            "from temporal_graph import TemporalGraph\n\ngraph = TemporalGraph(None)\n",
            "GraphDefinitionError: TemporalGraph takes a pydantic_graph.Graph",
        ),
    ],
)
def test_a_module_that_cannot_be_imported(source: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(source)
    line = refused("--graph", "broken:graph", cwd=tmp_path)
    assert says in line
    assert "(at broken.py:" in line


def test_a_file_that_cannot_be_imported(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("\n\nthis.is_not_there\n")
    line = refused("--graph", f"{file}:graph")
    assert f"NameError: name 'this' is not defined (at {file}:3)" in line


@pytest.mark.parametrize("name", ["worker.mine", "worker/mine.py"])
def test_another_folder_called_worker_is_found(name: str, tmp_path: Path) -> None:
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "mine.py").write_text("from . import other\n\ngraph = other.VALUE\n")
    (tmp_path / "worker" / "other.py").write_text("VALUE = 1.5\n")
    assert "is no graph but a value of type 'float'" in refused("--graph", f"{name}:graph", cwd=tmp_path)


def test_two_graphs_of_one_name() -> None:
    line = refused("--graph", GRAPH, "--graph", f"{GRAPHS}:same_name")
    assert all(text in line for text in (GRAPH, f"{GRAPHS}:same_name", "have one name: 'waiting'"))
    with pytest.raises(WorkerError, match="once is enough"):
        load_graphs([GRAPH, GRAPH])


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([], "--graph"),
        (["--graph", GRAPH, "--graceful-shutdown", "soon"], "'soon' is no number of seconds"),
        (["--graph", GRAPH, "--graceful-shutdown", "nan"], "'nan' is no number of seconds"),
        (["--graph", GRAPH, "--connect-timeout", "-1"], "'-1' is no number of seconds"),
        (["--graph", GRAPH, "--dev", "--dev-port", "99999"], "'99999' is no port"),
        (["--graph", GRAPH, "--max-cached-workflows", "-5"], "--max-cached-workflows"),
        (["--graph", GRAPH, "--log-format", "xml"], "'xml'"),
        (["--graph", GRAPH, "--task-queue", ""], "--task-queue"),
        (["--graph", GRAPH, "--dev", "--address", "localhost:7233"], "leave out --address or --dev"),
        (["--graph", GRAPH, "--speed", "9"], "--speed"),
    ],
)
def test_a_flag(flags: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(flags)
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert says in line


@pytest.mark.parametrize("flag", [["--log-format", "json"], ["--log-format=json"]])
def test_a_flag_where_the_log_is_json(flag: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse([*flag, "--graph", GRAPH, "--speed", "9"])
    assert caught.value.code == 2
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["logger"]) == ("error", "temporal_graph.worker")
    assert line["event"] == "unrecognized arguments: --speed 9 (--help lists every flag)"


def test_deps_that_are_not_there() -> None:
    assert f"--deps '{GRAPHS}:nothing': '{GRAPHS}' has no 'nothing'" in refused(
        "--graph", GRAPH, "--deps", f"{GRAPHS}:nothing"
    )
    with pytest.raises(WorkerError) as caught:
        load("--deps", f"{GRAPHS}:tool")
    assert str(caught.value) == (
        f"--deps '{GRAPHS}:tool': '{GRAPHS}' has no 'tool'. What deps could be in '{GRAPHS}': NO_GRAPH, Namespace, "
        "Tools, tools, to_file, to_nobody, no_notifier, broken_tools"
    )
    with pytest.raises(WorkerError, match=r"There is nothing in 'tests\.worker' that deps could be"):
        load("--deps", "tests.worker:tool")


def test_a_server_that_cannot_be_reached() -> None:
    address = f"127.0.0.1:{free_port()}"
    line = refused("--graph", GRAPH, "--connect-timeout", "0.5", TEMPORAL_ADDRESS=address)
    assert f"{address!r} cannot be reached within 0.5 s" in line
    assert "Connection refused" in line


def test_tls_with_a_server_that_has_none(server_address: str) -> None:
    line = refused("--graph", GRAPH, "--address", server_address, "--tls", "--connect-timeout", "0.5")
    assert f"{server_address!r} cannot be reached within 0.5 s" in line


def test_an_address_that_is_none() -> None:
    assert "'no address'" in refused("--graph", GRAPH, "--address", "no address", "--connect-timeout", "1")


def test_a_namespace_that_is_not_there(server_address: str) -> None:
    line = refused("--graph", GRAPH, "--address", server_address, "--namespace", "nowhere")
    assert f"the Temporal server at {server_address!r} has no namespace 'nowhere'" in line


def test_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "temporal.toml"
    assert "there is no such file" in refused("--graph", GRAPH, "--config-file", file)
    file.write_text("[profile.here]\naddress = 7\n")
    assert "configuration cannot be read" in refused("--graph", GRAPH, "--config-file", file, "--profile", "here")
    file.write_text("[profile.here]\n")
    assert "there" in refused("--graph", GRAPH, "--config-file", file, "--profile", "there")


def test_deps_that_cannot_be_had(server_address: str) -> None:
    flags = ("--graph", f"{GRAPHS}:tooled", "--address", server_address)
    line = refused(*flags, "--deps", f"{GRAPHS}:broken_tools")
    assert "ConnectionError: the database is away (at tests/worker/graphs.py:" in line
    assert "declares deps of type Tools" in refused(*flags)
    assert "declares deps of type Tools" in refused(*flags, "--deps", f"{GRAPHS}:NO_GRAPH")


def test_a_notifier_that_is_not_there() -> None:
    assert f"--notify '{GRAPHS}:nobody': '{GRAPHS}' has no 'nobody'" in refused(
        "--graph", GRAPH, "--notify", f"{GRAPHS}:nobody"
    )
    with pytest.raises(WorkerError) as caught:
        load_notifier(f"{GRAPHS}:nobody")
    assert str(caught.value) == (
        f"--notify '{GRAPHS}:nobody': '{GRAPHS}' has no 'nobody'. What could be a notifier in '{GRAPHS}': to_file, "
        "webhook, several"
    )
    with pytest.raises(WorkerError, match=r"There is nothing in 'tests\.worker' that could be a notifier"):
        load_notifier("tests.worker:nobody")
    with pytest.raises(WorkerError, match=r"there is no module 'tests\.worker\.nowhere'"):
        load_notifier("tests.worker.nowhere:to_file")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("to_nobody", "which is no async function. Define it with `async def`; it must be an async function of a"),
        ("NO_GRAPH", "notify is 42; it must be an async function of a Notification, or such as Webhook(url, secret="),
        ("Tools", "notify is the class 'Tools' itself; it must be an async function"),
        ("no_notifier", f"--notify '{GRAPHS}:no_notifier' is None; it must be an async function"),
    ],
)
def test_a_notifier_that_is_none(name: str, says: str) -> None:
    # There is no server there: it is refused before one is looked for.
    assert says in refused("--graph", GRAPH, "--notify", f"{GRAPHS}:{name}", "--address", "127.0.0.1:1")


def test_the_line_is_json_if_the_log_is() -> None:
    line = json.loads(refused("--graph", f"{GRAPHS}:NO_GRAPH", "--log-format", "json"))
    assert line["level"] == "error"
    assert "is no graph" in line["event"]
