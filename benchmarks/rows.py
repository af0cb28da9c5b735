"""What is measured: rows of a table, each with a limit."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure, and what it must not be above."""

    what: str
    ours: str
    by_hand: str
    figure: float
    limit: float

    @property
    def is_within(self) -> bool:
        """Whether it is."""
        return self.figure <= self.limit


def ratio(what: str, ours: Sequence[float], by_hand: Sequence[float], *, scale: int, limit: float) -> Row:
    """A row of two medians, whose figure is by how much ours is the larger one.

    Args:
        what: What they are.
        ours: What we took, in seconds.
        by_hand: What it took by hand, in seconds.
        scale: 1 to show seconds, 1,000 to show milliseconds.
        limit: What the figure must not be above.
    """
    mine, theirs = statistics.median(ours), statistics.median(by_hand)
    return Row(what, f"{mine * scale:.1f}", f"{theirs * scale:.1f}", mine / theirs, limit)


def table(rows: Sequence[Row]) -> str:
    """The rows as people read them."""
    width = max(len(row.what) for row in rows)
    lines = [f"{'':{width}}  {'ours':>9}  {'by hand':>9}  {'figure':>7}  {'limit':>6}"]
    for row in rows:
        mark = "" if row.is_within else "  <-- above the limit"
        lines.append(
            f"{row.what:{width}}  {row.ours:>9}  {row.by_hand:>9}  {row.figure:>7.2f}  {row.limit:>6.2f}{mark}"
        )
    return "\n".join(lines)
