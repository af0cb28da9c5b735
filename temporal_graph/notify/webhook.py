"""Notifications as signed HTTP requests."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, quote, urlsplit

from ..errors import GraphDefinitionError
from .errors import NotifyError
from .notification import Notification
from .signing import ID, SIGNATURE, TIMESTAMP, Secret, read_secrets, sign

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["Webhook"]

_LONGEST_PIECE = 300
"""Characters of a response that an error shows."""
_MOST_READ = 4_096
"""Bytes of a response that are looked at."""
_SHORTEST_PRIVATE = 8
"""Characters of a header's value or of a path that is not shown: the value `1` would blot out every 1."""

_RETRIED = {408, 429}
_OWN_HEADERS = (
    "Content-Type",
    "Content-Length",
    "Accept-Encoding",
    "Host",
    "Idempotency-Key",
    ID,
    SIGNATURE,
    TIMESTAMP,
)
_IN_A_HEADER = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)?(?:.*@)?(?P<host>[^/?#@]*)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)


class Webhook:
    """A notifier that sends notifications to a URL, as signed JSON; the receiver checks them with `verify`.

    What is sent is a POST of `Notification.to_json()`, with the headers

    - `Temporal-Graph-Timestamp`: when it is sent, in seconds since 1970;
    - `Temporal-Graph-Signature`: `v1=` and the HMAC-SHA256 in hexadecimal of the timestamp, a full stop and the body;
      with several secrets one for each, with commas between;
    - `Temporal-Graph-Id` and `Idempotency-Key`: the notification's id, the same each time it is tried. What is no
      visible ASCII in it, and `%`, is percent-encoded.

    Any status of 200 to 299 means that it has arrived. Other ones, a response that does not come and a connection that
    fails raise `NotifyError`. Another try is worth it after 408, 429, 500 to 599, and where there was no response; not
    after other ones, and not after a redirect, which is not followed.

    Args:
        url: Where to. Error messages and logs show its host alone.
        secret: What signs, 16 bytes or more. While it is exchanged for another, a list of both: a receiver that knows
            either takes it.
        timeout: How long it may take until the answer begins, the connection included.
        headers: Further headers, such as `Authorization`. Their values are not shown either.
        insecure: Let it send to another machine by plain http, where whoever listens reads all of it.

    Raises:
        GraphDefinitionError: It cannot be sent like this, or httpx is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        secret: Secret,
        timeout: timedelta = timedelta(seconds=10),
        headers: Mapping[str, str] | None = None,
        insecure: bool = False,
    ) -> None:
        self._shown, private = _read_url(url, insecure)
        self._url = url
        self._secrets = read_secrets(secret)
        self._headers = _read_headers(headers)
        self._timeout = _read_timeout(timeout)
        if find_spec("httpx") is None:
            raise GraphDefinitionError("Webhook needs httpx: pip install 'pydantic-graph-temporal[notify]'")
        said = {one.decode("utf-8", "replace") for one in self._secrets}
        said.update(text for text in (private, *self._headers.values()) if len(text) >= _SHORTEST_PRIVATE)
        self._private = sorted(said, key=len, reverse=True)  # what holds another one goes first
        self._ssl: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        return f"Webhook({self._shown!r})"

    async def __call__(self, notification: Notification) -> None:
        """Send a notification.

        Raises:
            NotifyError: It has not arrived, as far as is known here.
        """
        import httpx  # here, because importing temporal_graph must stay quick

        if self._ssl is None:
            # Reading the certificates takes longer than all the rest.
            self._ssl = httpx.create_ssl_context()
        body = json.dumps(notification.to_json(), separators=(",", ":")).encode()
        encoded = quote(notification.id, safe=_IN_A_HEADER, errors="surrogatepass")
        headers = {
            **self._headers,
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",  # so that a small response is a small one
            ID: encoded,
            "Idempotency-Key": encoded,
            **sign(body, self._secrets, int(time.time())),
        }
        response: httpx.Response | None = None
        piece = bytearray()
        try:
            # The time-outs of httpx are for each read; a receiver that trickles would keep within them for ever.
            async with (
                asyncio.timeout(self._timeout.total_seconds()),
                httpx.AsyncClient(verify=self._ssl, timeout=None, follow_redirects=False) as client,
                client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                if response.is_success:
                    return
                async for chunk in response.aiter_raw():
                    piece += chunk
                    if len(piece) >= _MOST_READ:
                        break
        except TimeoutError:
            if response is None:
                raise NotifyError(f"{self._shown} did not answer within {self._timeout.total_seconds():g} s.") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise NotifyError(self._failed(error), retry=False) from None
        except httpx.HTTPError as error:
            if response is None:
                raise NotifyError(self._failed(error)) from None
        if not response.is_success:
            raise self._refusal(response.status_code, bytes(piece))

    def _refusal(self, status: int, piece: bytes) -> NotifyError:
        shown = self._public(piece[:_MOST_READ].decode("utf-8", "replace"))
        said = f": {shown}" if shown else "."
        if 300 <= status < 400:
            return NotifyError(
                f"{self._shown} answered {status}, a redirect. They are not followed; give Webhook the URL that it "
                f"leads to{said}",
                retry=False,
            )
        return NotifyError(f"{self._shown} answered {status}{said}", retry=status >= 500 or status in _RETRIED)

    def _failed(self, error: Exception) -> str:
        said = self._public(str(error))
        return f"{self._shown} could not be reached: {type(error).__name__}{f': {said}' if said else ''}"

    def _public(self, text: str) -> str:
        """The beginning of what came from elsewhere, in one line. A receiver may send back what it got."""
        for private in self._private:
            text = text.replace(private, "***")
        line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return line if len(line) <= _LONGEST_PIECE else line[: _LONGEST_PIECE - 1] + "…"


# -- What is given when a webhook is made -----------------------------------------------------------------------------


def _read_url(given: Any, insecure: bool) -> tuple[str, str]:
    """What of a URL may be shown, and what may not."""
    if not isinstance(given, str):
        raise GraphDefinitionError(f"url is of type {type(given).__name__}; {_A_URL}")
    shown = _show(given)
    parts = _split(given)
    host = parts.hostname if parts else None
    if parts is None or parts.scheme not in ("http", "https") or not host:
        raise GraphDefinitionError(f"url is {shown!r}; {_A_URL}")
    if "@" in parts.netloc:
        raise GraphDefinitionError(
            f"url is {shown!r}, with a user name or a password in it; leave it out, and give "
            "headers={'Authorization': ...}."
        )
    if parts.scheme == "http" and not insecure and not _is_loopback(host):
        raise GraphDefinitionError(
            f"url is {shown!r}, which anybody on the way there can read; make it https, or say insecure=True if nobody "
            "listens."
        )
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return shown, path


_A_URL = "it must be an http or https URL, such as 'https://example.com/questions'."


def _split(url: str) -> SplitResult | None:
    # Blanks and the like are dropped by some who read URLs and kept by others, who then see another host.
    if any(char.isspace() or not char.isprintable() or char == "\\" for char in url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _show(url: str) -> str:
    """A URL without its path, in which some services have a token, and without user and password."""
    match = cast("re.Match[str]", _URL.match(url))
    return f"{match['scheme'] or ''}{match['host'][:200]}{'/…' if match['rest'] not in ('', '/') else match['rest']}"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_headers(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise GraphDefinitionError(
            f"headers is of type {type(given).__name__}; it must be a dict, such as {{'Authorization': ...}}."
        )
    own = {name.lower() for name in _OWN_HEADERS}
    for name, value in cast("Mapping[Any, Any]", given).items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise GraphDefinitionError(f"headers has {name!r}, which is no name of a header.")
        if name.lower() in own:
            raise GraphDefinitionError(f"headers has {name!r}, which Webhook sets by itself; leave it out.")
        if not isinstance(value, str) or not _VALUE.fullmatch(value) or value != value.strip():
            raise GraphDefinitionError(
                f"headers has something for {name!r} that cannot be sent; it must be one line of ASCII, without blanks "
                "around it."
            )
    return dict(cast("Mapping[str, str]", given))


def _read_timeout(given: Any) -> timedelta:
    if not isinstance(given, timedelta) or given <= timedelta(0):
        raise GraphDefinitionError(f"timeout is {given!r}; it must be a timedelta, such as timedelta(seconds=10).")
    return given
