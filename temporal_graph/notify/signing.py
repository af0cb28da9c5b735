"""How a request is signed, and how its receiver makes sure of it.

The signature is the HMAC-SHA256, in hexadecimal, of the timestamp as it stands in its header, a full stop, and the body
as it is sent. So it can be checked in any language, with nothing of this package.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeAlias, cast

from ..errors import GraphDefinitionError
from .errors import SignatureError
from .notification import Notification

__all__ = ["ID", "SIGNATURE", "TIMESTAMP", "Headers", "Secret", "read_secrets", "sign", "verify"]

Secret: TypeAlias = str | bytes | Sequence[str | bytes]

TIMESTAMP = "Temporal-Graph-Timestamp"
SIGNATURE = "Temporal-Graph-Signature"
ID = "Temporal-Graph-Id"

SHORTEST_SECRET = 16
"""Bytes: fewer could be guessed, one after the other, from a single request that was seen."""

_VERSION = "v1="
_SECONDS = re.compile(r"[0-9]{1,11}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Headers(Protocol):
    """The headers of a request: a dict, or whatever a web framework has for them."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Names, however they are spelled, and values; a name may come twice."""
        ...


def sign(body: bytes, secrets: Sequence[bytes], at: int) -> dict[str, str]:
    """The headers that sign a body.

    Args:
        body: The body.
        secrets: With what; each makes a signature.
        at: When, in seconds since 1970.
    """
    signatures = ",".join(_VERSION + _signature(str(at), body, secret) for secret in secrets)
    return {TIMESTAMP: str(at), SIGNATURE: signatures}


def _signature(timestamp: str, body: bytes, secret: bytes) -> str:
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def verify(
    headers: Headers,
    body: bytes,
    secret: Secret,
    *,
    max_age: timedelta = timedelta(minutes=5),
    now: datetime | None = None,
) -> Notification:
    """Make sure that a request is one of a `Webhook` with this secret, and read it.

    A request is signed anew whenever it is tried, so a notification that is told late, or again, is no old request.
    Within `max_age` a request that somebody has listened to can be sent again by them, and is taken: remember the `id`
    of what was taken, for at least that long. The `id` of what is returned was signed; the headers `Temporal-Graph-Id`
    and `Idempotency-Key` were not.

    Args:
        headers: The headers of the request, as they came; names in upper or lower case.
        body: Its body, as it came: not JSON that was read and written again.
        secret: The secret, or several, of which one must fit, while it is exchanged for another.
        max_age: How long ago the request may have been signed, and how far ahead the sender's clock may be.
        now: What time it is, with time zone; None for now.

    Returns:
        What the request tells.

    Raises:
        SignatureError: A header is missing or no text, no signature fits, or it was not signed just now.
        ValueError: It was signed, but is no notification. `SignatureError` is a ValueError too.
        GraphDefinitionError: A secret is no text or bytes, or is too short.
        TypeError: The body is not bytes, or `max_age` is no timedelta.
    """
    secrets = read_secrets(secret)
    if not isinstance(body, bytes | bytearray | memoryview):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"body is of type {type(body).__name__}; it must be the bytes of the request as they came.")
    if not isinstance(max_age, timedelta):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f"max_age is of type {type(max_age).__name__}; it must be a timedelta, such as timedelta(minutes=5)."
        )
    moment = datetime.now(UTC) if now is None else now
    if moment.utcoffset() is None:
        raise ValueError(f"now is {now!r}; it must know its time zone, such as datetime.now(UTC).")
    timestamp, given = _header(headers, TIMESTAMP), _header(headers, SIGNATURE)
    if not _SECONDS.fullmatch(timestamp):
        raise SignatureError(
            f"The header {TIMESTAMP} is {timestamp[:40]!r}; it must be seconds since 1970, such as '1790000000'."
        )
    sent = bytes(body)
    fits = False
    for one in secrets:
        wanted = (_VERSION + _signature(timestamp, sent, one)).encode()
        for signature in given.split(","):
            # All are compared, each in constant time, so that how long it takes says nothing about any of them.
            fits |= hmac.compare_digest(wanted, signature.strip().encode("utf-8", "replace"))
    if not fits:
        raise SignatureError(
            f"No signature in the header {SIGNATURE} fits: the request was signed with another secret, or was changed "
            "on its way. The body must be the bytes as they came, not JSON that was read and written again."
        )
    _check_age(timedelta(seconds=int(timestamp)), moment - _EPOCH, max_age)
    return Notification.from_json(_read_json(sent))


def _header(headers: Headers, name: str) -> str:
    values = [value for key, value in headers.items() if str(key).lower() == name.lower()]
    if not values:
        raise SignatureError(f"The header {name} is missing; every request of a Webhook has it.")
    for value in values:
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SignatureError(f"The header {name} is of type {type(value).__name__}; it must be text, as it came.")
    return ",".join(values)


def _check_age(signed: timedelta, now: timedelta, max_age: timedelta) -> None:
    age = now - signed
    if age > max_age:
        raise SignatureError(
            f"The request was signed {age} ago, which is more than {max_age}: it was held up or sent again, or a clock "
            "is wrong."
        )
    if -age > max_age:
        raise SignatureError(
            f"The request was signed {-age} from now, which is more than {max_age}: the clock of its sender is ahead, "
            "or the one here is behind."
        )


def _read_json(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body)
    except ValueError as error:
        raise ValueError(f"This is no notification: {error}") from None
    except RecursionError:
        raise ValueError("This is no notification: it is nested too deeply.") from None
    if not isinstance(data, dict):
        raise ValueError(f"This is no notification: it is of type {type(data).__name__}.")
    return cast("dict[str, Any]", data)


def read_secrets(given: Any) -> tuple[bytes, ...]:
    """The secrets that somebody gave, as bytes.

    Raises:
        GraphDefinitionError: There is none, or one is no text or bytes, or is too short. It does not show them.
    """
    listed: list[Any] = [given] if isinstance(given, str | bytes) or not isinstance(given, Iterable) else [*given]
    if not listed:
        raise GraphDefinitionError(f"secret is an empty list; give at least one, {_SUCH_AS}")
    return tuple(_read_secret(secret) for secret in listed)


_SUCH_AS = "such as secrets.token_hex(32) makes, and keep it where both sides can read it and nobody else can."


def _read_secret(given: Any) -> bytes:
    if not isinstance(given, str | bytes):
        raise GraphDefinitionError(f"secret is of type {type(given).__name__}; it must be a str or bytes, {_SUCH_AS}")
    secret = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
    if not secret:
        raise GraphDefinitionError(f"secret is empty; give one {_SUCH_AS}")
    if len(secret) < SHORTEST_SECRET:
        raise GraphDefinitionError(
            f"secret has a length of {len(secret)} bytes, and must have {SHORTEST_SECRET}; give one {_SUCH_AS}"
        )
    return secret
