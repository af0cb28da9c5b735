"""What a notifier raises, and what the receiver of a webhook does.

GraphError
├── NotifyError       a notification was not delivered
└── SignatureError    a request did not come from who has the secret, or not now
"""

from __future__ import annotations

from ..errors import GraphError

__all__ = ["NotifyError", "SignatureError"]


class NotifyError(GraphError):
    """A notification was not delivered.

    Args:
        message: Why.
        retry: See below.

    Attributes:
        retry: Whether it is worth another try. Any other exception of a notifier is; with False, the notification is
            given up.
    """

    def __init__(self, message: str, *, retry: bool = True) -> None:
        super().__init__(message)
        self.retry = retry


class SignatureError(GraphError, ValueError):
    """A request did not come from who has the secret, or was not signed just now; do not believe it."""
