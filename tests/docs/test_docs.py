"""Every code block of the docs is run: a page's Python as one program, whose output is what the page says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.process import ROOT
from tests.support.server import program

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
KNOWN = {"python", "bash", "text", "jsonc"}  # the last one by `test_wire`


@dataclass(frozen=True)
class Block:
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(language, text) for language, text in BLOCK.findall(page.read_text())]


def named(pages: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=[str(page.relative_to(ROOT)) for page in pages])


def test_every_block_is_of_a_kind_that_is_run() -> None:
    assert {block.language for page in PAGES for block in blocks(page)} <= KNOWN


@named([page for page in PAGES if any(block.language == "python" for block in blocks(page))])
def test_python(page: Path, server_address: str, tmp_path: Path) -> None:
    program = tmp_path / f"{page.stem.lower()}_page.py"
    code = "\n".join(block.text for block in blocks(page) if block.language == "python")
    program.write_text(code.replace("localhost:7233", server_address))
    # The interpreter could crash while it shuts down, after all its work is done.
    leave = (
        f"import os, runpy, sys; runpy.run_path({str(program)!r}, run_name='__main__'); sys.stdout.flush(); os._exit(0)"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", leave],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    # The SDK logs there, too: it warns of its own test server.
    said = "".join(line for line in run.stdout.splitlines(keepends=True) if "temporalio_sdk_core::" not in line)
    assert said == "".join(block.text for block in blocks(page) if block.language == "text")


@named([page for page in PAGES if any(block.language == "bash" for block in blocks(page))])
def test_commands_exist(page: Path) -> None:
    """What they do is tested elsewhere; here, that they are spelled right."""
    text = "\n".join(block.text for block in blocks(page) if block.language == "bash").replace("\\\n", " ")
    for line in filter(None, (line.strip() for line in text.splitlines())):
        words = shlex.split(line, comments=True)
        check(words)


def check(words: list[str]) -> None:
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(targets)
    elif words[:2] == ["python", "worker/main.py"]:
        from worker.arguments import parse

        if words[2:] != ["--help"]:
            parse(words[2:])
    elif words[:2] == ["pip", "install"]:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        name, _, extra = words[2].rstrip("]").partition("[")
        assert name in (".", project["name"])
        assert not extra or extra in project["optional-dependencies"]
    else:
        found = subprocess.run([program("temporal"), *words[1:], "--help"], capture_output=True, text=True, check=True)
        flags = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert flags <= set(re.findall(r"--[a-z-]+", found.stdout))


@named(PAGES)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if "://" not in link:
            assert (page.parent / link.partition("#")[0]).exists(), link
