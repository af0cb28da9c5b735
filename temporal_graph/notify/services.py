"""Notifications by mail, chat, push and whatever else apprise can send by."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, cast

from ..errors import GraphDefinitionError
from .errors import NotifyError
from .notification import EVENTS, Event, Notification

__all__ = ["AppriseNotifier"]

_TYPES = {"reminded": "WARNING", "escalated": "WARNING", "answered": "SUCCESS", "timed_out": "FAILURE"}
"""What apprise calls them, which shows as a colour or a sign; else `INFO`."""


class AppriseNotifier:
    """A notifier that tells people by mail, chat, push or SMS, through the package `apprise`.

    All URLs are sent to at once. If one fails, the next try sends to all of them again; where that is too much, make a
    notifier for each URL, and put them together with `each`.

    Args:
        urls: Where to, as apprise has it: `mailto://user:password@example.com`, `slack://...`; see
            https://github.com/caronc/apprise. They hold credentials, so nothing but what is before `://` is shown.
        title: A title for all; then the text begins with the notification's own. None for the notification's own.
        only: The events that are told; others are passed over.

    Raises:
        GraphDefinitionError: There is no URL, one is none for apprise, there is no such event; or apprise is not
            installed.
    """

    def __init__(self, *urls: str, title: str | None = None, only: Iterable[Event] = EVENTS) -> None:
        self._only = _read_only(only)
        self._title = title
        self._schemes = [_scheme(url) for url in urls]
        if not urls:
            raise GraphDefinitionError("AppriseNotifier got no URL; give it at least one, such as 'mailto://...'.")
        self._apprise = _apprise().Apprise()
        for number, url in enumerate(urls, 1):
            with _silent():
                known = isinstance(url, str) and self._apprise.add(url)  # pyright: ignore[reportUnnecessaryIsInstance]
            if not known:
                raise GraphDefinitionError(
                    f"AppriseNotifier got {self._schemes[number - 1]} as URL number {number}, which apprise does not "
                    "take; `apprise --dry-run -b test URL` says why, and shows the URL."
                )

    def __repr__(self) -> str:
        return f"AppriseNotifier({', '.join(map(repr, self._schemes))})"

    async def __call__(self, notification: Notification) -> None:
        """Tell people.

        Raises:
            NotifyError: At least one of the services did not take it.
        """
        if notification.event not in self._only:
            return
        title, text = notification.title, notification.text
        if self._title is not None:
            title, text = self._title, f"{title}\n\n{text}"
        sent = await self._apprise.async_notify(
            body=text,
            title=title,
            notify_type=getattr(_apprise().NotifyType, _TYPES.get(notification.event, "INFO")),
            body_format=_apprise().NotifyFormat.TEXT,
        )
        if not sent:
            raise NotifyError(
                f"apprise could not send to all of {', '.join(self._schemes)}; what the logger 'apprise' has says why."
            )


def _apprise() -> Any:
    try:
        import apprise  # here, because importing temporal_graph must stay quick
    except ModuleNotFoundError as error:
        if error.name != "apprise":
            raise
        raise GraphDefinitionError(
            "AppriseNotifier needs apprise: pip install 'pydantic-graph-temporal[notify]'"
        ) from None
    return apprise


def _scheme(url: Any) -> str:
    if not isinstance(url, str):
        return f"something of type {type(url).__name__}"
    scheme, mark, _ = url.partition("://")
    return f"{scheme}://…" if mark and scheme.isascii() and scheme.isalnum() and len(scheme) <= 32 else "…"


def _read_only(given: Any) -> frozenset[str]:
    listed: list[Any] = [] if isinstance(given, str) or not isinstance(given, Iterable) else [*cast("Any", given)]
    if not listed or not all(event in EVENTS for event in listed):
        raise GraphDefinitionError(f"only is {given!r}; it must be a list with one or more of {', '.join(EVENTS)}.")
    return frozenset(listed)


@contextmanager
def _silent() -> Generator[None]:
    """Let apprise log nothing in this thread: what it says about a URL that it does not take shows tokens."""
    thread = threading.get_ident()

    def is_other(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("apprise")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)
