"""Drafts the release summary of a Markdown file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from examples.publish.checks import Report

_MARK = re.compile(r"[\\`*\[\]<>]|(?<!\w)_|_(?!\w)")  # inside of a word, `_` is no mark


def draft_summary(file: Path, title: str, words: int, reports: Sequence[Report]) -> str:
    """The summary of a file, in Markdown; the same reports give the same text, in whatever order they came."""
    ordered = sorted(reports, key=lambda report: report.line)
    findings = sum(len(report.findings) for report in ordered)
    lines = [
        f"# Release summary: {_inline(title or file.name)}",
        "",
        f"`{file.name}` has {_count(len(ordered), 'section')} and {_count(words, 'word')}. "
        f"The checks found {_count(findings, 'problem') if findings else 'no problems'}.",
        "",
        "## Sections",
        "",
        *_table(("Line", "Section", "Words"), ((r.line, _name(r), r.words) for r in ordered)),
        "",
        "## Findings",
        "",
    ]
    if findings:
        rows = ((f.line, _name(r), f.problem) for r in ordered for f in sorted(r.findings, key=lambda f: f.line))
        lines += _table(("Line", "Section", "Finding"), rows)
    else:
        lines.append("None.")
    return "\n".join(lines) + "\n"


def _name(report: Report) -> str:
    if report.level == 0:
        return "*(before the first heading)*"
    return _inline(report.heading) if report.heading else "*(no heading)*"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _inline(text: str) -> str:
    """Plain text, so that Markdown shows it as it is."""
    return _MARK.sub(r"\\\g<0>", text)


def _table(header: Sequence[str], rows: Iterator[tuple[object, ...]]) -> list[str]:
    """A table whose columns line up."""
    cells = [list(header), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
