"""Breakpoints: nodes before or after which a run stops for people, whatever the nodes themselves say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ANY = "*"
"""Every node."""


@dataclass(frozen=True, slots=True)
class Breakpoints:
    """Where a run stops for people.

    Attributes:
        before: Ids of the nodes before which it stops; `"*"` for all of them.
        after: Ids of the nodes after which it stops; `"*"` for all of them.
    """

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def stops(self, where: Literal["before", "after"], node_id: str) -> bool:
        """Whether a run stops before or after a node."""
        names = self.before if where == "before" else self.after
        return ANY in names or node_id in names


NO_BREAKPOINTS = Breakpoints()
