"""Several notifiers as one."""

from __future__ import annotations

import asyncio
import inspect
from collections import OrderedDict
from typing import Any, TypeAlias

from ..errors import GraphDefinitionError
from .errors import NotifyError
from .notification import Notification, Notifier

__all__ = ["call", "each"]

Outcomes: TypeAlias = dict[int, Exception | None]
"""What came of a notification, by the notifier's position: None for well done, or an error that is final."""

_MEMORY = 1_000
"""Notifications that wait for another try and are remembered."""
_LONGEST_ERROR = 500


def each(*notifiers: Notifier) -> Notifier:
    """One notifier that calls several, at the same time.

    If one fails, the others are told all the same, and this one fails when all have ended. It is worth another try if
    any failure is; then only those are called again that failed and are worth it. That is remembered in this process
    alone: after a restart, or if another worker makes the next try, all are called again, and have the notification's
    `id` to know it by.

    Args:
        notifiers: The notifiers.

    Returns:
        The notifier. It raises a `NotifyError` with the messages of those that failed; its cause has the errors.

    Raises:
        GraphDefinitionError: There is none, or something cannot be called.
    """
    if not notifiers:
        raise GraphDefinitionError("each() got no notifiers; give it at least one.")
    for notifier in notifiers:
        if not callable(notifier):
            raise GraphDefinitionError(
                f"each() takes notifiers one by one, and got a {type(notifier).__name__}; unpack a list: "
                "each(*notifiers)."
            )
    tried: OrderedDict[str, Outcomes] = OrderedDict()

    async def notify(notification: Notification) -> None:
        outcomes = tried.setdefault(notification.id, {})
        if len(tried) > _MEMORY:
            tried.popitem(last=False)

        async def tell(index: int) -> None:
            # What came of it is noted at once: the next one may hang until this try is cancelled.
            try:
                await call(notifiers[index], notification)
            except NotifyError as error:
                if error.retry:
                    raise
                outcomes[index] = error
            else:
                outcomes[index] = None

        left = [index for index in range(len(notifiers)) if index not in outcomes]
        raised = await asyncio.gather(*map(tell, left), return_exceptions=True)
        errors = dict(outcomes)
        for index, error in zip(left, raised, strict=True):
            if isinstance(error, Exception):
                errors[index] = error
            elif error is not None:  # it was cancelled, and not by whoever called this
                raise error
        retry = len(outcomes) < len(notifiers)
        if not retry:
            tried.pop(notification.id, None)
        failed = {index: error for index, error in sorted(errors.items()) if error is not None}
        if failed:
            said = "; ".join(f"number {index + 1}, {_said(error)}" for index, error in failed.items())
            raise NotifyError(
                f"{len(failed)} of {len(notifiers)} notifiers failed: {said}", retry=retry
            ) from ExceptionGroup("notifiers failed", [*failed.values()])

    return notify


async def call(notifier: Notifier, notification: Notification) -> None:
    """Call a notifier, which somebody may have given who did not read what it must be.

    Raises:
        NotifyError: It is not async. That is final: it has done what it does, and would do it again.
    """
    calling: Any = notifier(notification)
    if not inspect.isawaitable(calling):
        raise NotifyError(
            f"The notifier returned something of type {type(calling).__name__}; it must be an async function: async "
            "def.",
            retry=False,
        )
    await calling


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:_LONGEST_ERROR]}"
