"""What is installed, what importing it brings along, and what pyproject.toml promises."""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import ROOT

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = PYPROJECT["project"]

DEPENDENCIES = {"temporalio", "pydantic", "pydantic-graph"}

ALSO_IMPORTED: set[str] = {"temporal_graph"}
"""Packages that `import temporal_graph` may load beyond the standard library and what its dependencies load."""


def packages_after(*statements: str) -> set[str]:
    """The top-level packages that are loaded after some statements in a new process."""
    show = "import sys, json; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    code = "\n".join([*statements, show])
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_importing_it_loads_nothing_beside_its_dependencies() -> None:
    dependencies = "import temporalio.client, temporalio.worker, temporalio.plugin, pydantic, pydantic_graph"
    added = packages_after(dependencies, "import temporal_graph") - packages_after(dependencies)
    assert {name for name in added if not name.startswith("_")} - sys.stdlib_module_names <= ALSO_IMPORTED


def test_importing_it_loads_no_more_than_modules_of_nodes_need() -> None:
    code = "import json, sys, temporal_graph; print(json.dumps([*sys.modules]))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.removeprefix("temporal_graph.") for name in json.loads(run.stdout)}
    assert "graph" in loaded
    assert not {"engine.engine", "local", "plugin", "approvals", "temporal.client", "temporal.driver"} & loaded


def test_it_needs_three_packages_and_nothing_else() -> None:
    assert {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in PROJECT["dependencies"]} == DEPENDENCIES


def test_it_is_typed() -> None:
    assert (ROOT / "temporal_graph" / "py.typed").is_file()


def test_the_installed_version_is_this_one() -> None:
    assert importlib.metadata.version("pydantic-graph-temporal") == PROJECT["version"]


def test_every_dependency_is_pinned_by_version_alone() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+( ; .+)?", line)] == []
    pinned = {line.partition("==")[0] for line in lines}
    required = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    names = {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in required}
    assert names - {PROJECT["name"]} <= pinned


def test_the_demo_installs_what_it_needs(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    clone = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert re.findall(r"--editable '(.*)'", clone.stdout) == [".[dev-server,examples]"]
    assert clone.stdout.endswith("\n.venv-demo/bin/python -m examples.publish.demo\n")
    # Whoever has the environment for development needs no other one.
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.ready").touch()
    developer = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert developer.stdout == ".venv/bin/python -m examples.publish.demo\n"


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.name == f"pydantic_graph_temporal-{PROJECT['version']}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {
        "temporal_graph",
        f"pydantic_graph_temporal-{PROJECT['version']}.dist-info",
    }
    assert "temporal_graph/py.typed" in names
