"""What a node got when it ran beside what the run would give it now: in a replay they can be told apart by a checksum.

Temporal compares the commands of a replay, not what is in them.
"""

from __future__ import annotations

import logging
import re
import zlib

logger = logging.getLogger(__name__)

SIGNED = re.compile(r'[{,]"got":(\d+)\}\Z')
"""How a result ends; those of earlier releases do not."""
LONGEST = 20
"""Characters of that, at most."""


def signed(result: str, given: str) -> str:
    """The result of a node, with a checksum of what it got.

    Args:
        result: JSON text, an object.
        given: What the node got.
    """
    return f'{result[:-1]}{"" if result == "{}" else ","}"got":{_sum(given)}}}'


class Drift:
    """Tells once of a run that gives its nodes something else than it has given them before.

    Args:
        run_id: The run.
        graph: The name of its graph.
        is_quiet: Whether nothing is told: of a run that began with another release, whose types may well write more.
    """

    def __init__(self, run_id: str, graph: str, *, is_quiet: bool = False) -> None:
        self._run = run_id, graph
        self._given: dict[str, int] = {}
        self._is_told = is_quiet

    def give(self, task_id: str, text: str) -> None:
        """Note what a node gets."""
        self._given[task_id] = _sum(text)

    def forget(self, task_id: str) -> None:
        """Note that nobody waits for a node any more."""
        self._given.pop(task_id, None)

    def look(self, task_id: str, node_id: str, result: str) -> None:
        """Tell whether a node has got something else when it ran.

        Args:
            task_id: A task that was given something.
            node_id: Its node.
            result: What came of it, as JSON text.
        """
        given = self._given.pop(task_id, None)
        found = SIGNED.search(result[-LONGEST:])
        if given is None or found is None or int(found[1]) == given or self._is_told:
            return
        self._is_told = True
        logger.warning(
            "Run %r of graph %r was replayed, and would give node %r something else than it got when it ran (task %r): "
            "those who come after may get other values than were shown before. A transform, decision or reducer that "
            "has a memory of its own, or looks at a clock, or at chance, does that; so does a release that changes "
            "what they do.",
            *(*self._run, node_id, task_id),
        )


def _sum(text: str) -> int:
    return zlib.crc32(text.encode(errors="surrogatepass"))
