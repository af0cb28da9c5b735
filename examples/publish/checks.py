"""Checks one section of a Markdown file."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from examples.publish.files import DocumentError, read_document
from examples.publish.markdown import Link, Section

MARKDOWN = (".md", ".markdown", ".mdown", ".mkd")


@dataclass
class Finding:
    """Something that a person should look at.

    Attributes:
        line: Where, from 1.
        problem: What is wrong, in Markdown.
    """

    line: int
    problem: str


@dataclass
class Report:
    """A section that was checked."""

    heading: str
    level: int
    line: int
    words: int
    findings: list[Finding]


def check_section(section: Section, file: Path) -> Report:
    """Check a section of a file: its heading, whether there is anything in it, and its local links."""
    problems = [Finding(section.line, problem) for problem in _check_heading(section)]
    for link in section.links:
        problem = _check_link(link, file)
        if problem:
            problems.append(Finding(link.line, problem))
    return Report(section.heading, section.level, section.line, section.words, problems)


def _check_heading(section: Section) -> Iterator[str]:
    if section.level == 0:
        return
    if not section.heading:
        yield "The heading is empty."
    elif section.first_line != section.line:
        yield f"The heading is there already, in line {section.first_line}."
    if section.level > section.level_before + 1 and section.level_before:
        yield f"The heading jumps from level {section.level_before} to level {section.level}."
    if section.is_empty:
        yield "There is nothing under the heading."


def _check_link(link: Link, file: Path) -> str | None:
    """What is wrong with a link, if it leads to a file here; others are not followed."""
    if not link.target:
        return "A link leads nowhere: it has no target."
    shown = f"`{unquote(link.target)}`"
    try:
        url = urlsplit(link.target)
    except ValueError:
        return f"The link {shown} is no valid URL."
    if url.scheme or url.netloc:
        return None
    target = _target(unquote(url.path), file)
    if target is None:
        return None
    if not target.exists():
        return f"The link {shown} leads to a file that does not exist."
    anchor = unquote(url.fragment).removeprefix("user-content-")
    if not anchor or (target == file and anchor == "top") or target.suffix.lower() not in (*MARKDOWN, file.suffix):
        return None
    anchors = anchors_of(target)
    if anchors is None or anchor in anchors:
        return None
    similar = difflib.get_close_matches(anchor.lower(), anchors, n=1)
    where = "" if target == file else f" of `{target.name}`"
    return f"The link {shown} leads to no heading{where}." + (f" Is `#{similar[0]}` meant?" if similar else "")


def _target(path: str, file: Path) -> Path | None:
    """The file that a link in another file leads to; None if it lies outside of what we can know."""
    if not path:
        return file
    root = _repository(file.parent)
    if path.startswith("/"):
        return None if root is None else root / path.lstrip("/")
    target = Path(os.path.normpath(file.parent / path))
    # `../../issues` in a README leads to a page of the site that shows the repository.
    return None if root is not None and not target.is_relative_to(root) else target


def _repository(folder: Path) -> Path | None:
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), None)


def anchors_of(file: Path) -> frozenset[str] | None:
    """The anchors of a Markdown file; None if it cannot be read as one."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return _anchors(file, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _anchors(file: Path, changed_at: int, size: int) -> frozenset[str] | None:
    """Every section of a file asks for the same ones; the file's time and size are there to notice a new version."""
    try:
        return frozenset(read_document(file).anchors)
    except DocumentError:
        return None
