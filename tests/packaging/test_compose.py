"""docker-compose.yml, without a Docker engine: against the specification's schema, and the files that it names."""

import ast
import mmap
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.process import ROOT
from tests.support.server import DYNAMIC_CONFIG, program

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKER = SERVICES["worker"]
DOCKERFILE = (ROOT / "worker" / "Dockerfile").read_text()
SETTINGS: dict[str, list[dict[str, Any]]] = yaml.safe_load((ROOT / "deploy/temporal/dynamicconfig.yaml").read_text())

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def check_schema(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def mounts(name: str) -> list[tuple[str, str]]:
    """The (source, target) pairs of a service's volumes."""
    volumes: list[str] = SERVICES[name].get("volumes", [])
    return [(source, target) for source, target, *_ in (volume.split(":") for volume in volumes)]


def flag(name: str) -> str:
    """The value that the worker's command gives to a flag."""
    command: list[str] = WORKER["command"]
    return command[command.index(name) + 1]


def seconds(duration: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m)", duration).groups()  # pyright: ignore[reportOptionalMemberAccess]
    return float(number) * {"s": 1, "m": 60}[unit]


def test_it_follows_the_compose_specification() -> None:
    run = check_schema(ROOT / "docker-compose.yml")
    assert run.returncode == 0, run.stdout


def test_the_schema_refuses_what_compose_would_refuse(tmp_path: Path) -> None:
    (tmp_path / "wrong.yml").write_text("services: {worker: {image: python, depend_on: [temporal]}}\n")
    run = check_schema(tmp_path / "wrong.yml")
    assert run.returncode == 1
    assert "depend_on" in run.stdout


@each_service
def test_what_a_service_depends_on_can_become_so(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        condition = how["condition"]
        if condition == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            # What is restarted for ever never completes.
            assert condition == "service_completed_successfully"
            assert SERVICES[other]["restart"].startswith("on-failure:")


def test_nothing_waits_for_itself() -> None:
    done: set[str] = set()
    while ready := {name for name in SERVICES.keys() - done if set(SERVICES[name].get("depends_on", {})) <= done}:
        done |= ready
    assert done == set(SERVICES)


@each_service
def test_every_mount_exists(name: str) -> None:
    for source, target in mounts(name):
        assert target.startswith("/")
        if source.startswith("."):
            assert (ROOT / source).exists()
        else:
            assert source in COMPOSE["volumes"]


def test_every_volume_is_used() -> None:
    assert set(COMPOSE["volumes"]) <= {source for name in SERVICES for source, _ in mounts(name)}


@each_service
def test_every_file_that_is_named_inside_a_mount_exists(name: str) -> None:
    words = [*SERVICES[name].get("entrypoint", []), *map(str, SERVICES[name].get("environment", {}).values())]
    for source, target in mounts(name):
        for word in words:
            if word.startswith(f"{target}/"):
                assert (ROOT / source / word.removeprefix(f"{target}/")).is_file()


@each_service
def test_ports_are_open_on_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@each_service
def test_every_image_has_a_version(name: str) -> None:
    image = SERVICES[name].get("image")
    assert (image is None) == (name == "worker")
    if image is not None:
        assert re.search(r":(\d[\w.-]*|\$\{\w+:-\d[\w.-]*\})$", image), image


@each_service
def test_every_service_says_when_it_is_started_again(name: str) -> None:
    assert "restart" in SERVICES[name]


def test_the_server_and_its_tools_are_of_one_release() -> None:
    images = {SERVICES[name]["image"] for name in ("temporal", "temporal-schema", "temporal-namespace")}
    assert len({image.partition(":")[2] for image in images}) == 1


def test_shell_scripts_parse() -> None:
    scripts = sorted((ROOT / "deploy").rglob("*.sh"))
    assert scripts
    for script in scripts:
        subprocess.run(["sh", "-n", str(script)], check=True)


def test_the_worker_connects_to_the_server_in_the_namespace_that_is_made() -> None:
    environment = WORKER["environment"]
    host, port = environment["TEMPORAL_ADDRESS"].split(":")
    assert any(published.endswith(f":{port}") for published in SERVICES[host]["ports"])
    assert environment["TEMPORAL_NAMESPACE"] == SERVICES["temporal-namespace"]["environment"]["TEMPORAL_NAMESPACE"]


def test_the_worker_knows_the_flags_of_its_command() -> None:
    command = [sys.executable, "worker/main.py", "--help"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert run.returncode == 0, run.stderr
    known = set(re.findall(r"--[a-z][a-z-]*", run.stdout))
    assert {word for word in WORKER["command"] if word.startswith("--")} <= known


def test_the_workers_graph_exists() -> None:
    module, _, attribute = flag("--graph").partition(":")
    source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text()
    names = {
        target.id
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name)
    }
    assert attribute in names


def test_the_worker_has_time_to_stop() -> None:
    assert seconds(WORKER["stop_grace_period"]) > float(flag("--graceful-shutdown"))


def test_the_worker_is_built_from_files_that_reach_docker() -> None:
    build = WORKER["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE):
        for source in shlex.split(line)[:-1]:
            assert (ROOT / source).exists(), source
            assert source in sent


def test_the_worker_gets_the_signal_itself_and_is_not_root() -> None:
    assert 'ENTRYPOINT ["python", "worker/main.py"]' in DOCKERFILE
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE
    assert DOCKERFILE.index("USER worker") < DOCKERFILE.index("ENTRYPOINT")


def test_settings_have_the_form_that_the_server_reads() -> None:
    for key, values in SETTINGS.items():
        assert re.fullmatch(r"[a-z]+\.[A-Za-z]+", key)
        assert all(set(value) == {"value", "constraints"} for value in values)


def test_the_settings_are_those_of_the_tests() -> None:
    assert {key: values[0]["value"] for key, values in SETTINGS.items()} == DYNAMIC_CONFIG


def test_the_server_knows_the_settings() -> None:
    # It says nothing about a setting that it does not know, so the names are looked up in the program.
    with program("temporal").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as server:
        assert [key for key in SETTINGS if server.find(key.encode()) < 0] == []
        assert server.find(b"history.noSuchSettingAtAll") < 0
