"""How much is sent to the server at once: it takes 4 MiB in one message, and what is longer fails, again and again."""

from __future__ import annotations

from temporalio import workflow

from ..engine.sizes import size_of
from .names import BYTES


class Sent:
    """What has been sent with the workflow task at hand.

    Earlier releases counted characters, and anew each time that they looked for what could be sent. Where that comes to
    another end, the history has a mark.
    """

    def __init__(self) -> None:
        self._task = self._characters = self._bytes = 0

    def begin(self) -> None:
        """Look anew for what can be sent, perhaps once more in the same task."""
        task = workflow.info().get_current_history_length()
        if task != self._task:
            self._task, self._bytes = task, 0
        self._characters = 0

    def add(self, text: str) -> None:
        """Count a text in."""
        self._characters += len(text)
        self._bytes += size_of(text)

    @property
    def is_any(self) -> bool:
        """Whether there is anything."""
        return self._characters > 0

    def is_enough(self, most: int, what: str) -> bool:
        """Whether no more is to be sent than this, so many bytes.

        Args:
            most: How many bytes.
            what: Of what, for the mark.
        """
        if self._characters >= most or self._bytes < most:
            return self._characters >= most
        return workflow.patched(f"{BYTES}-{what}-{self._task}")
