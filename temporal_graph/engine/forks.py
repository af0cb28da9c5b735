"""Runs of forks, and the joins that wait for them.

The join rule: a join fires exactly once for each run of its parent fork, when everything that this run started, and
that can still reach the join, has arrived; also what must first pass through an intermediate join. So each join keeps,
for each run of its parent fork, a count of what can still reach it: tokens in its region, and other joins there that
have begun to collect. The count is kept as tokens move; nothing is ever found by scanning them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .spec import GraphSpec, JoinSpec

Runs = tuple[int, ...]
"""The fork runs that a token is inside of, outermost first (upstream's fork stack)."""


@dataclass(slots=True, eq=False)
class Joining:
    """One join, for one run of its parent fork.

    Attributes:
        join: The join.
        run: The run of its parent fork.
        pending: How many tokens and collecting joins can still reach it.
        collecting: Whether a first value arrived, or a map upstream began it ahead with its initial value.
        current: What has been reduced so far; meaningless unless `collecting`.
        runs: The fork runs of what will leave the join.
        holds: The joinings that wait for this one while it collects.
    """

    join: JoinSpec
    run: int
    pending: int = 0
    collecting: bool = False
    current: Any = None
    runs: Runs = ()
    holds: tuple[Joining, ...] = ()

    @property
    def is_due(self) -> bool:
        """Whether it fires now."""
        return self.collecting and self.pending == 0

    @property
    def _is_idle(self) -> bool:
        return not self.collecting and self.pending == 0


class ForkRuns:
    """The fork runs that are alive: those for which some join may still fire."""

    def __init__(self, spec: GraphSpec, next_run: int = 0) -> None:
        self._spec = spec
        self._joinings: dict[int, tuple[Joining, ...]] = {}
        self._fork_of: dict[int, str] = {}
        self.next_run = next_run

    def open(self, fork_id: str) -> Runs:
        """Begin a run of a fork.

        Returns:
            The run to put on the tokens that it starts; nothing where no join waits for this fork.
        """
        if not self._spec.joins_of.get(fork_id):
            return ()
        run = self.next_run
        self.next_run += 1
        self.restore(run, fork_id)
        return (run,)

    def restore(self, run: int, fork_id: str) -> None:
        """Put back a run that a snapshot knew."""
        self._fork_of[run] = fork_id
        self._joinings[run] = tuple(Joining(join, run) for join in self._spec.joins_of[fork_id])

    def alive(self, runs: Runs) -> Runs:
        """Leave out the runs for which no join can fire any more, so that loops do not make the tuple grow."""
        return tuple(run for run in runs if run in self._fork_of) if runs else runs

    def enter(self, node_id: str, runs: Runs, *, collecting: bool = False) -> tuple[Joining, ...]:
        """Count something that is now at a node, in every join that it can still reach.

        Of several runs of one fork only the innermost counts: a token can reach a join for an outer run only through
        the fork, and is then in another run.

        Args:
            node_id: Where it is.
            runs: The fork runs that it is inside of.
            collecting: It is a join that collects, which does not wait for itself.

        Returns:
            The joins that wait for it now, to be handed to `leave`.
        """
        holds: list[Joining] = []
        seen: list[str] = []
        for run in reversed(runs):
            fork_id = self._fork_of.get(run)
            if fork_id is None or fork_id in seen:
                continue
            seen.append(fork_id)
            for joining in self._joinings[run]:
                if node_id in joining.join.region and not (collecting and joining.join.id == node_id):
                    joining.pending += 1
                    holds.append(joining)
        return tuple(holds)

    def leave(self, holds: Iterable[Joining]) -> list[Joining]:
        """Count something out, after what came of it was counted in.

        Returns:
            The joins that are due now, to be fired.
        """
        due: list[Joining] = []
        for joining in holds:
            joining.pending -= 1
            if joining.is_due:
                due.append(joining)
            elif joining.pending == 0:
                self.forget_if_dead(joining.run)
        return due

    def find(self, join: JoinSpec, runs: Runs) -> tuple[Joining, Runs] | None:
        """Find what a value that arrives at a join belongs to.

        Returns:
            The joining, and the fork runs of what will leave it (of a final join: up to the run of its parent fork;
            of another: all of them, since a join further down waits for the same run). None where the value is in no
            run of the parent fork.
        """
        for index in range(len(runs) - 1, -1, -1):
            if self._fork_of.get(runs[index]) == join.parent:
                joining = next(j for j in self._joinings[runs[index]] if j.join.id == join.id)
                return joining, (runs[: index + 1] if join.is_final else runs)
        return None

    def lacking(self, node_id: str, runs: Runs) -> list[str]:
        """The forks whose joins a value at a node could reach, without being inside of any run of these forks."""
        inside = [self._fork_of.get(run) for run in runs]
        return [
            fork_id
            for fork_id, joins in self._spec.joins_of.items()
            if fork_id not in inside and any(node_id in join.region for join in joins)
        ]

    def collect(self, joining: Joining, current: Any, runs: Runs) -> None:
        """Let a join begin to collect."""
        joining.collecting = True
        joining.current = current
        joining.runs = runs
        joining.holds = self.enter(joining.join.id, runs, collecting=True)

    def stop(self, joining: Joining) -> tuple[Joining, ...]:
        """Let a join end to collect.

        Returns:
            What it held up, to be handed to `leave` once its output is counted in.
        """
        holds = joining.holds
        joining.collecting, joining.current, joining.runs, joining.holds = False, None, (), ()
        return holds

    def forget_if_dead(self, run: int) -> None:
        """Drop a run for which no join can fire any more."""
        joinings = self._joinings.get(run)
        if joinings is not None and all(joining._is_idle for joining in joinings):  # pyright: ignore[reportPrivateUsage]
            del self._joinings[run], self._fork_of[run]

    def below(self, joining: Joining) -> Iterator[Joining]:
        """The collecting joins that end with it when a join cancels its siblings.

        Those of inner forks, and those it waits for; another join of the same run that it does not wait for goes on
        with what it has.
        """
        for joinings in self._joinings.values():
            for other in joinings:
                is_sibling = other.run == joining.run and other.join.id not in joining.join.region
                if other is not joining and other.collecting and joining.run in other.runs and not is_sibling:
                    yield other

    def joinings(self, run: int) -> tuple[Joining, ...]:
        """The joins of a run, in the order of the graph."""
        return self._joinings.get(run, ())

    def all(self) -> Iterator[tuple[int, str, tuple[Joining, ...]]]:
        """Every run that is alive: its number, its fork, its joins."""
        for run, joinings in self._joinings.items():
            yield run, self._fork_of[run], joinings
