"""Webhooks, against real servers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import pickle
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from temporal_graph import GraphDefinitionError, GraphError
from temporal_graph.notify import Notification, NotifyError, Webhook, verify
from tests.notify.receiving import OTHER_SECRET, SECRET, Receiver, notification, question
from tests.support.process import ROOT

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def to(receiver: Receiver, path: str = "/questions", **options: Any) -> Webhook:
    given: dict[str, Any] = {"secret": SECRET, **options}
    return Webhook(f"http://{receiver.address}{path}", **given)


@asynccontextmanager
async def talking(talk: Talk) -> AsyncGenerator[str]:
    """A server that says what it likes, once a request has begun."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked did not wait
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def failure(webhook: Webhook) -> NotifyError:
    with pytest.raises(NotifyError) as caught:
        await webhook(notification())
    return caught.value


# -- What is sent -----------------------------------------------------------------------------------------------------


async def test_a_request_as_its_receiver_sees_it(receiver: Receiver) -> None:
    before = int(time.time())
    await to(receiver, "/questions?team=a", headers={"Authorization": "Bearer abcdefgh"})(notification())
    [request] = receiver.requests
    assert (request.method, request.path) == ("POST", "/questions?team=a")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Bearer abcdefgh"
    assert request.headers["Temporal-Graph-Id"] == "order-17/Review:1/opened"
    assert request.headers["Idempotency-Key"] == "order-17/Review:1/opened"
    timestamp = request.headers["Temporal-Graph-Timestamp"]
    assert before <= int(timestamp) <= int(time.time())
    signature = hmac.new(SECRET.encode(), timestamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert request.headers["Temporal-Graph-Signature"] == f"v1={signature}"
    assert json.loads(request.body) == notification().to_json()


async def test_its_receiver_verifies_it(receiver: Receiver) -> None:
    told = notification(run_id="réfund ✓", interrupt=question(value={"é": ["\ud800", 1.5, None]}))
    await to(receiver)(told)
    [request] = receiver.requests
    assert verify(request.headers, request.body, SECRET) == told


async def test_several_secrets(receiver: Receiver) -> None:
    await to(receiver, secret=[SECRET, OTHER_SECRET.encode()])(notification())
    [request] = receiver.requests
    signed = request.headers["Temporal-Graph-Timestamp"].encode() + b"." + request.body
    made = [hmac.new(one.encode(), signed, hashlib.sha256).hexdigest() for one in (SECRET, OTHER_SECRET)]
    assert request.headers["Temporal-Graph-Signature"] == f"v1={made[0]},v1={made[1]}"
    for secret in (SECRET, OTHER_SECRET):
        assert verify(request.headers, request.body, secret) == notification()


async def test_another_try_has_the_same_id(receiver: Receiver) -> None:
    receiver.statuses = [503, 200]
    webhook = to(receiver)
    assert (await failure(webhook)).retry
    await webhook(notification())
    first, second = receiver.requests
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.body == second.body


@pytest.mark.parametrize("id", ["réf/1", "a b\r\nX: y", "100%", "\ud800", "\x00", "x" * 1000])
async def test_any_id_fits_in_a_header(receiver: Receiver, id: str) -> None:
    await to(receiver)(notification(id=id))
    [request] = receiver.requests
    assert unquote(request.headers["Temporal-Graph-Id"], errors="surrogatepass") == id
    assert request.headers["X"] is None


def test_one_webhook_serves_several_event_loops_and_calls_at_once(receiver: Receiver) -> None:
    webhook = to(receiver)

    async def call() -> None:
        await asyncio.gather(*(webhook(notification()) for _ in range(5)))

    for _ in range(2):
        asyncio.run(call())
    assert len(receiver.requests) == 10


# -- What comes back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_it_has_arrived(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    receiver.reply = b"" if status == 204 else b"x" * 1_000_000
    await to(receiver)(notification())
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 599, 408, 429])
async def test_it_is_worth_another_try(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    receiver.reply_headers = {"Retry-After": "86400"}
    error = await failure(to(receiver))
    assert (error.retry, str(error)) == (True, f"http://{receiver.address}/… answered {status}: thank you")
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 425, 451])
async def test_it_is_not_worth_another_try(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    error = await failure(to(receiver))
    assert (error.retry, str(error)) == (False, f"http://{receiver.address}/… answered {status}: thank you")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    receiver.reply = b""
    receiver.reply_headers = {"Location": f"http://{receiver.address}/elsewhere"}
    error = await failure(to(receiver))
    assert not error.retry
    assert f"answered {status}, a redirect. They are not followed" in str(error)
    assert [request.path for request in receiver.requests] == ["/questions"]


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        (b"", "."),
        (b" \n no\x1b[31m\r\n  way \x00", ": no [31m way"),
        (b"\xff\xfe", ": ��"),
        (b"x" * 10_000_000, f": {'x' * 299}…"),
    ],
    ids=["nothing", "control characters", "no text", "much"],
)
async def test_a_piece_of_what_it_answers_is_shown(receiver: Receiver, reply: bytes, shown: str) -> None:
    receiver.statuses, receiver.reply = [400], reply
    assert str(await failure(to(receiver))) == f"http://{receiver.address}/… answered 400{shown}"


# -- No answer --------------------------------------------------------------------------------------------------------


async def test_nobody_is_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, so that nobody else gets it, and not listening
        error = await failure(Webhook(f"http://127.0.0.1:{taken.getsockname()[1]}/secret-path", secret=SECRET))
    assert error.retry
    assert "could not be reached: ConnectError" in str(error)


async def test_it_speaks_no_tls(receiver: Receiver) -> None:
    error = await failure(Webhook(f"https://{receiver.address}/", secret=SECRET))
    assert error.retry
    assert "could not be reached: ConnectError" in str(error)


async def test_it_hangs_up() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pass

    async with talking(talk) as address:
        error = await failure(Webhook(f"http://{address}", secret=SECRET))
    assert error.retry
    assert "could not be reached" in str(error)


async def test_it_speaks_something_else() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await writer.drain()

    async with talking(talk) as address:
        error = await failure(Webhook(f"http://{address}", secret=SECRET))
    assert error.retry
    assert "could not be reached: RemoteProtocolError" in str(error)


async def test_it_says_nothing() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with talking(talk) as address:
        error = await failure(Webhook(f"http://{address}", secret=SECRET, timeout=timedelta(seconds=0.1)))
    assert error.retry
    assert str(error) == f"http://{address} did not answer within 0.1 s."


async def test_it_trickles() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with talking(talk) as address:
        error = await failure(Webhook(f"http://{address}", secret=SECRET, timeout=timedelta(seconds=0.3)))
    assert error.retry
    assert "did not answer within 0.3 s" in str(error)


@pytest.mark.parametrize(("status", "retry"), [(400, False), (503, True)])
@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "hangs up"])
async def test_its_status_counts_where_the_rest_does_not_come(status: int, retry: bool, hangs: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 100\r\n\r\nthe beginning".encode())
        await writer.drain()
        if hangs:
            await reader.read()

    async with talking(talk) as address:
        error = await failure(Webhook(f"http://{address}", secret=SECRET, timeout=timedelta(seconds=2)))
    assert (error.retry, str(error)) == (retry, f"http://{address} answered {status}: the beginning")


@pytest.mark.timeout(60)
async def test_no_more_is_read_than_is_shown() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 No\r\n\r\n")
        while True:  # it ends when the connection is closed
            writer.write(b"x" * 1_000)
            await writer.drain()

    async with talking(talk) as address:
        error = await failure(Webhook(f"http://{address}", secret=SECRET, timeout=timedelta(hours=1)))
    assert str(error) == f"http://{address} answered 400: {'x' * 299}…"


async def test_it_has_arrived_where_the_rest_does_not_come() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        await writer.drain()
        await reader.read()

    async with talking(talk) as address:
        await Webhook(f"http://{address}", secret=SECRET)(notification())


async def test_whoever_cancels_it_is_obeyed() -> None:
    began = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began.set()
        await reader.read()

    async with talking(talk) as address:
        task = asyncio.ensure_future(Webhook(f"http://{address}", secret=SECRET)(notification()))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("host", ["a..ü", "-ü-.example", "1.2.3.999"])
async def test_a_host_that_there_cannot_be(host: str) -> None:
    error = await failure(Webhook(f"https://{host}/secret-path", secret=SECRET))
    assert not error.retry
    assert "secret-path" not in str(error)


def test_its_errors_are_errors_of_this_package() -> None:
    assert issubclass(NotifyError, GraphError)
    kept = pickle.loads(pickle.dumps(NotifyError("x", retry=False)))
    assert (str(kept), kept.retry) == ("x", False)


# -- What is never shown ----------------------------------------------------------------------------------------------

PRIVATE = [SECRET, OTHER_SECRET, "Bearer abcdefgh", "/hooks/t0k3n-in-path", "t0k3n-in-query"]


def private(receiver_address: str) -> Webhook:
    return Webhook(
        f"http://{receiver_address}/hooks/t0k3n-in-path?key=t0k3n-in-query",
        secret=[SECRET, OTHER_SECRET],
        headers={"Authorization": "Bearer abcdefgh"},
    )


async def test_what_is_private_is_not_shown() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = f"cannot POST /hooks/t0k3n-in-path?key=t0k3n-in-query {SECRET} Bearer abcdefgh {OTHER_SECRET}".encode()
        writer.write(b"HTTP/1.1 400 No\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))
        await writer.drain()

    async with talking(talk) as address:
        error = await failure(private(address))
    assert str(error) == f"http://{address}/… answered 400: cannot POST *** *** *** ***"
    unreachable = await failure(private(address))
    for shown in (error, unreachable):
        said = "".join(traceback.format_exception(shown))
        assert not [text for text in PRIVATE if text in said.partition("NotifyError:")[2]]
    webhook = private(address)
    assert f"{webhook!r}" == f"{webhook}" == f"Webhook('http://{address}/…')"


@given(st.text(min_size=6) | st.binary(min_size=16))
@example("'; DROP TABLE secrets; --")
def test_no_repr_has_the_secret(secret: str | bytes) -> None:
    try:
        said = repr(Webhook("https://127.0.0.1/x", secret=secret))
    except GraphDefinitionError as error:
        said = repr(error)
    if isinstance(secret, bytes):
        assert repr(secret)[2:-1] not in said
    else:
        assert secret not in said or len(secret.encode("utf-8", "replace")) < 16


# -- What is given ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "url is ''; it must be an http or https URL"),
        ("example.com/hook", "url is 'example.com/…'; it must be an http or https URL"),
        ("ftp://example.com/t0k3n", "url is 'ftp://example.com/…'; it must be"),
        ("https://", "url is 'https://'; it must be"),
        ("https:///path", "it must be an http or https URL"),
        ("https://exa mple.com", "it must be"),
        ("https://example.com\n", "it must be"),
        ("https://example.com\\@evil.com/", "it must be"),
        ("https://example.com:http/", "it must be"),
        ("https://example.com:99999/", "it must be"),
        ("https://[::1", "it must be"),
        ("https://ann:t0k3n@example.com/x", "url is 'https://example.com/…', with a user name or a password"),
        ("http://127.0.0.1:1@example.com/x", "with a user name or a password"),
        ("http://example.com/t0k3n", "url is 'http://example.com/…', which anybody on the way there can read"),
        ("http://10.0.0.1/", "insecure=True"),
        ("http://0.0.0.0/", "insecure=True"),
        ("http://localhost.example.com/", "insecure=True"),
        ("http://127.0.0.1.example.com/", "insecure=True"),
        (None, "url is of type NoneType; it must be"),
        (b"https://example.com/t0k3n", "url is of type bytes; it must be"),
    ],
)
def test_urls_that_are_refused(url: Any, said: str) -> None:
    with pytest.raises(GraphDefinitionError) as caught:
        Webhook(url, secret=SECRET)
    assert said in str(caught.value)
    assert "t0k3n" not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.com", "https://example.com"),
        ("HTTPS://example.com:8443/hook?token=t0k3n#x", "HTTPS://example.com:8443/…"),
        ("https://example.com/@ann/t0k3n", None),
        ("http://localhost/", "http://localhost/"),
        ("http://a.localhost:1/", "http://a.localhost:1/"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:80/x", "http://[::1]:80/…"),
        ("https://bücher.example/x", "https://bücher.example/…"),
    ],
)
def test_urls_that_are_taken(url: str, shown: str | None) -> None:
    webhook = Webhook(url, secret=SECRET)
    assert "t0k3n" not in repr(webhook)
    assert shown is None or repr(webhook) == f"Webhook({shown!r})"


def test_plain_http_if_somebody_says_so() -> None:
    assert repr(Webhook("http://receiver/x", secret=SECRET, insecure=True)) == "Webhook('http://receiver/…')"


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("", "secret is empty; give one such as secrets.token_hex(32)"),
        ([], "secret is an empty list"),
        ("hunter2hunter2!", "secret has a length of 15 bytes, and must have 16"),
        (["é" * 8, "hunter2"], "secret has a length of 7 bytes"),
        (None, "secret is of type NoneType"),
    ],
)
def test_secrets_that_are_refused(secret: Any, said: str) -> None:
    with pytest.raises(GraphDefinitionError) as caught:
        Webhook("https://example.com", secret=secret)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_sixteen_bytes_are_enough() -> None:
    Webhook("https://example.com", secret="é" * 8)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"content-type": "x"}, "headers has 'content-type', which Webhook sets by itself"),
        ({"Temporal-Graph-Signature": "x"}, "which Webhook sets by itself"),
        ({"idempotency-KEY": "x"}, "which Webhook sets by itself"),
        ({"a b": "x"}, "headers has 'a b', which is no name of a header"),
        ({"": "x"}, "which is no name of a header"),
        ({5: "x"}, "headers has 5, which is no name of a header"),
        ({"Authorization": "t0k3n\r\nX: y"}, "headers has something for 'Authorization' that cannot be sent"),
        ({"Authorization": "t0k3n\n"}, "headers has something for 'Authorization' that cannot be sent"),
        ({"Authorization": "t0k3né"}, "it must be one line of ASCII"),
        ({"Authorization": b"t0k3n"}, "that cannot be sent"),
        ([("Authorization", "t0k3n")], "headers is of type list; it must be a dict"),
    ],
)
def test_headers_that_are_refused(headers: Any, said: str) -> None:
    with pytest.raises(GraphDefinitionError) as caught:
        Webhook("https://example.com", secret=SECRET, headers=headers)
    assert said in str(caught.value)
    assert "t0k3n" not in str(caught.value)


@pytest.mark.parametrize("timeout", [timedelta(0), timedelta(seconds=-1), 10, None])
def test_timeouts_that_are_refused(timeout: Any) -> None:
    with pytest.raises(GraphDefinitionError, match=r"timeout is .*timedelta\(seconds=10\)"):
        Webhook("https://example.com", secret=SECRET, timeout=timeout)


def test_without_httpx_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['httpx'] = None\n"
        "from temporal_graph.notify import Webhook\n"
        "Webhook('https://example.com', secret='a secret for tests')"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "GraphDefinitionError: Webhook needs httpx: pip install 'pydantic-graph-temporal[notify]'" in run.stderr


def test_a_notifier_is_any_such_function() -> None:
    from temporal_graph.notify import Notifier

    async def print_it(told: Notification) -> None: ...

    both: list[Notifier] = [print_it, Webhook("https://example.com", secret=SECRET)]
    assert all(callable(notifier) for notifier in both)
