"""Telling people that a run waits for them: what is told, and notifiers to give to `GraphPlugin(notify=...)`.

A notifier is any async function of a `Notification`. It is called in an activity, so at least once: where what it did
was not noted, because a worker died or an answer came too late, it is called again with a notification of the same
`id`. Whoever must not be told twice remembers the ids that it has seen.
"""

from __future__ import annotations

from .errors import NotifyError, SignatureError
from .notification import Event, Notification, Notifier
from .services import AppriseNotifier
from .several import each
from .signing import verify
from .webhook import Webhook

__all__ = [
    "AppriseNotifier",
    "Event",
    "Notification",
    "Notifier",
    "NotifyError",
    "SignatureError",
    "Webhook",
    "each",
    "verify",
]
