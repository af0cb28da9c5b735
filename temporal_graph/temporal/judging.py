"""Whether what people send is taken: this is judged once, by the release of the graph that gets it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from temporalio import workflow

from .names import JUDGES, MADE_WRONG, REFUSES


class Judge:
    """Says whether something that was sent is taken; see `Engine.judge`.

    Whether it fits is a matter of types and validators. Another release of the graph has other ones, and a replay of
    its history must not come to another verdict. An update has been let in by its validator, so it is taken; but for
    one that has waited for signals before it. That, what comes by signal, what was kept until its question opened, and
    what stands in for an answer that nobody gave are judged in the run, and the history has a mark where they are
    refused.

    Args:
        mark: Gives the task at hand a command; in a replay, only where it had this one, which is returned.
        is_late: Whether the one at hand has waited.
        names: The patches: since which what was refused is in the history, and how those of each begin.
    """

    def __init__(
        self,
        mark: Callable[[str], bool],
        is_late: Callable[[], bool] = lambda: True,
        names: tuple[str, str] = (JUDGES, REFUSES),
    ) -> None:
        self._mark = mark
        self._is_late = is_late
        self._names = names
        self._count = 0
        self._is_noted: bool | None = None

    def __call__(self, via: str, fits: bool) -> bool:
        """See `Engine.judge`."""
        if via == "update" and not self._is_late():
            return True
        self._count += 1
        if self._is_noted is None:
            self._is_noted = self._mark(self._names[0])
        if not self._is_noted:  # an earlier release of this package has judged what came first
            return fits
        if not fits or workflow.unsafe.is_replaying():
            return not self._mark(f"{self._names[1]}-{self._count}")
        return True


class Made:
    """Says whether what a transform, a reducer or a node in the workflow has made is right; see `IsRight`.

    That is judged once as well: a rule may look at the clock, which is another one when this is done again. What was
    wrong has a mark in the history, and what has none was right.

    Args:
        mark: As of `Judge`.
    """

    def __init__(self, mark: Callable[[str], bool]) -> None:
        self._mark = mark
        self._known: dict[str, bool] = {}

    def __call__(self, type_: str, data: str, fits: bool) -> bool:
        """See `IsRight`."""
        digest = hashlib.sha256(f"{type_} {data}".encode(errors="surrogatepass")).hexdigest()[:16]
        if digest not in self._known:
            has_doubt = not fits or workflow.unsafe.is_replaying()
            self._known[digest] = not (has_doubt and self._mark(f"{MADE_WRONG}-{digest}"))
        return self._known[digest]
