"""The receiver's side of a webhook: what is taken, and what is not."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_graph import GraphDefinitionError, GraphError
from temporal_graph.notify import SignatureError, verify
from temporal_graph.notify.signing import sign
from tests.notify.receiving import OTHER_SECRET, SECRET, notification

NOW = datetime(2026, 9, 21, 14, 13, 20, 500_000, tzinfo=UTC)
AT = 1_790_000_000  # half a second before
BODY = json.dumps(notification().to_json()).encode()
SECOND = timedelta(seconds=1)


def signed(at: int | str = AT, body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    """What whoever reads the documentation would write."""
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Temporal-Graph-Timestamp": str(at), "Temporal-Graph-Signature": f"v1={signature}"}


def check(headers: Any, body: bytes = BODY, secret: Any = SECRET, **options: Any) -> Any:
    given: dict[str, Any] = {"now": NOW, **options}
    return verify(headers, body, secret, **given)


def test_the_clock_of_these_tests() -> None:
    assert datetime.fromtimestamp(AT, UTC) + timedelta(milliseconds=500) == NOW


def test_a_signature_that_openssl_made() -> None:
    # printf '1790000000.{"a":1}' | openssl dgst -sha256 -hmac 'sixteen bytes ok'
    made = "4dc5b9ee900b603bad45cdc53733649385d01bea564c855e2fbe441e047e6511"
    assert sign(b'{"a":1}', [b"sixteen bytes ok"], AT) == {
        "Temporal-Graph-Timestamp": "1790000000",
        "Temporal-Graph-Signature": f"v1={made}",
    }


def test_what_is_signed_is_read() -> None:
    assert check(signed()) == notification()


def test_now_is_now() -> None:
    at = int(datetime.now(UTC).timestamp())
    assert verify(signed(at), BODY, SECRET) == notification()
    with pytest.raises(SignatureError, match="ago"):
        verify(signed(at - 3600), BODY, SECRET)


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_names_of_headers_are_spelled_anyhow(spell: Any) -> None:
    assert check({spell(name): value for name, value in signed().items()}) == notification()


def test_headers_of_the_standard_library() -> None:
    headers = Message()
    for name, value in signed().items():
        headers[name] = value
    assert check(headers) == notification()


@pytest.mark.parametrize("body", [bytearray(BODY), memoryview(BODY)])
def test_other_bytes(body: Any) -> None:
    assert check(signed(), body) == notification()


# -- Who signed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Temporal-Graph-Timestamp", "Temporal-Graph-Signature"])
def test_a_header_is_missing(name: str) -> None:
    headers = signed()
    del headers[name]
    with pytest.raises(SignatureError, match=f"The header {name} is missing"):
        check(headers)


def test_another_secret() -> None:
    with pytest.raises(SignatureError, match="No signature in the header Temporal-Graph-Signature fits"):
        check(signed(secret=OTHER_SECRET))


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_change_of_the_body_is_refused(index: int, difference: int) -> None:
    body = bytearray(BODY)
    body[index] ^= difference
    with pytest.raises(SignatureError, match="No signature"):
        check(signed(), bytes(body))


@given(st.sampled_from([*signed()]), st.data())
def test_any_change_of_a_header_is_refused(name: str, data: st.DataObject) -> None:
    headers = signed()
    value = headers[name]
    index = data.draw(st.integers(0, len(value) - 1))
    char = data.draw(st.characters(max_codepoint=255).filter(lambda char: char != value[index]))
    with pytest.raises(SignatureError):
        check({**headers, name: value[:index] + char + value[index + 1 :]}, max_age=timedelta(days=999_999))


@given(st.integers(0, len(BODY)))
def test_a_body_that_is_cut_or_longer_is_refused(index: int) -> None:
    with pytest.raises(SignatureError, match="No signature"):
        check(signed(), BODY[:index] + b" " + BODY[index:])
    if index < len(BODY):
        with pytest.raises(SignatureError, match="No signature"):
            check(signed(), BODY[:index])


def test_what_moves_between_timestamp_and_body() -> None:
    # The same bytes are signed, with the full stop elsewhere.
    body = b"5." + BODY
    headers = signed(1790000000, body)
    moved = {**headers, "Temporal-Graph-Timestamp": "1790000000.5"}
    with pytest.raises(SignatureError, match="must be seconds since 1970"):
        check(moved, BODY)


@pytest.mark.parametrize(
    "signature",
    ["", ",", "v1=", "v1", "v2={}", "{}", "V1={}", "v1=v1={}", "v1={}x", "v1 ={}", "é", "\udcff", "v1=" + "0" * 64],
)
def test_signatures_that_are_none(signature: str) -> None:
    made = signed()["Temporal-Graph-Signature"].removeprefix("v1=")
    with pytest.raises(SignatureError, match="No signature"):
        check({**signed(), "Temporal-Graph-Signature": signature.format(made)})


def test_a_signature_in_capital_letters_is_another_one() -> None:
    made = signed()["Temporal-Graph-Signature"]
    with pytest.raises(SignatureError, match="No signature"):
        check({**signed(), "Temporal-Graph-Signature": "v1=" + made[3:].upper()})


# -- Secrets are exchanged --------------------------------------------------------------------------------------------


def test_one_of_several_signatures_is_enough() -> None:
    headers = sign(BODY, [OTHER_SECRET.encode(), SECRET.encode()], AT)
    assert headers["Temporal-Graph-Signature"] == ",".join(
        signed(secret=secret)["Temporal-Graph-Signature"] for secret in (OTHER_SECRET, SECRET)
    )
    assert check(headers, secret=SECRET) == notification()
    assert check(headers, secret=OTHER_SECRET) == notification()
    with pytest.raises(SignatureError, match="No signature"):
        check(headers, secret="a third secret, which nobody used")


def test_one_of_several_secrets_is_enough() -> None:
    assert check(signed(), secret=[OTHER_SECRET, SECRET.encode()]) == notification()
    with pytest.raises(SignatureError, match="No signature"):
        check(signed(), secret=[OTHER_SECRET, "a third secret, which nobody used"])


def test_signatures_of_another_version_are_passed_over() -> None:
    made = signed()["Temporal-Graph-Signature"]
    assert check({**signed(), "Temporal-Graph-Signature": f"v2=abc, {made}"}) == notification()


def test_a_header_may_come_twice() -> None:
    headers = Message()
    headers["Temporal-Graph-Timestamp"] = str(AT)
    for secret in (OTHER_SECRET, SECRET):
        headers["Temporal-Graph-Signature"] = signed(secret=secret)["Temporal-Graph-Signature"]
    assert check(headers) == notification()
    headers["Temporal-Graph-Timestamp"] = str(AT)
    with pytest.raises(SignatureError, match="seconds since 1970"):
        check(headers)


# -- When it was signed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_age", [timedelta(minutes=5), timedelta(seconds=1), timedelta(0), timedelta(days=99)])
def test_the_edges_of_the_window(max_age: timedelta) -> None:
    on_the_second = NOW.replace(microsecond=0)
    at = AT - int(max_age.total_seconds())
    assert check(signed(at), max_age=max_age, now=on_the_second) == notification()
    with pytest.raises(SignatureError, match="ago, which is more than"):
        check(signed(at), max_age=max_age, now=on_the_second + timedelta(microseconds=1))
    at = AT + int(max_age.total_seconds())
    assert check(signed(at), max_age=max_age, now=on_the_second) == notification()
    with pytest.raises(SignatureError, match="from now, which is more than"):
        check(signed(at), max_age=max_age, now=on_the_second - timedelta(microseconds=1))


def test_the_window_is_five_minutes() -> None:
    for seconds in (-300, 300):
        assert check(signed(AT + seconds), now=NOW.replace(microsecond=0)) == notification()
    for seconds, said in ((-301, "0:05:01 ago"), (301, "0:05:01 from now")):
        with pytest.raises(SignatureError, match=said):
            check(signed(AT + seconds), now=NOW.replace(microsecond=0))


@pytest.mark.parametrize(
    "timestamp",
    ["", " ", "x", "1790000000.0", "-1790000000", "+1790000000", "1_790_000_000", "1e9", "٣٤٥", "9" * 12, "9" * 9999],
)
def test_a_timestamp_that_cannot_be_read(timestamp: str) -> None:
    with pytest.raises(SignatureError, match="it must be seconds since 1970") as caught:
        check(signed(timestamp))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("timestamp", ["0", "99999999999"])
def test_a_timestamp_far_away(timestamp: str) -> None:
    with pytest.raises(SignatureError, match="is more than"):
        check(signed(timestamp))


def test_who_signed_is_looked_at_first() -> None:
    with pytest.raises(SignatureError, match="No signature"):
        check(signed(AT - 9999, secret=OTHER_SECRET))


# -- Mistakes ---------------------------------------------------------------------------------------------------------


def test_its_errors_are_errors_of_this_package_and_of_values() -> None:
    assert issubclass(SignatureError, GraphError)
    assert issubclass(SignatureError, ValueError)


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"null", b"{}", b"\xff", b'{"id": 1}'])
def test_what_is_signed_but_no_notification(body: bytes) -> None:
    with pytest.raises(ValueError, match="This is no notification") as caught:
        check(signed(body=body), body)
    assert not isinstance(caught.value, SignatureError)


@pytest.mark.parametrize("around", ["{}", '{{"interrupt": {{"value": {}}}}}'])
def test_what_is_nested_very_deeply(around: str) -> None:
    body = around.format("[" * 100_000 + "]" * 100_000).encode()
    with pytest.raises(ValueError, match="This is no notification: it is nested too deeply") as caught:
        check(signed(body=body), body)
    assert not isinstance(caught.value, SignatureError)


@pytest.mark.parametrize("name", [*signed()])
@pytest.mark.parametrize("make", [lambda value: [value], str.encode, lambda value: None])
def test_a_header_that_is_no_text(name: str, make: Any) -> None:
    headers = signed()
    value = make(headers[name])
    with pytest.raises(SignatureError, match=f"The header {name} is of type {type(value).__name__}; it must be text"):
        check({**headers, name: value})


def test_a_name_of_a_header_that_is_no_text() -> None:
    assert check({**signed(), 5: "five", None: "nothing"}) == notification()
    with pytest.raises(SignatureError, match="The header Temporal-Graph-Timestamp is missing"):
        check({name.encode(): value for name, value in signed().items()})


@pytest.mark.parametrize("max_age", [300, 0.5, None, "5m"])
def test_a_max_age_that_is_no_timedelta(max_age: Any) -> None:
    says = f"max_age is of type {type(max_age).__name__}; it must be a timedelta, such as"
    with pytest.raises(TypeError, match=says):
        check(signed(), max_age=max_age)
    with pytest.raises(TypeError, match=says):  # a mistake of the receiver's, whoever sends
        check({}, max_age=max_age)


def test_a_body_that_was_read() -> None:
    with pytest.raises(TypeError, match="body is of type str; it must be the bytes"):
        check(signed(), BODY.decode())  # type: ignore[arg-type]


def test_a_now_without_time_zone() -> None:
    with pytest.raises(ValueError, match=r"now is .*time zone"):
        check(signed(), now=datetime(2026, 1, 1))


@pytest.mark.parametrize(
    "secret", ["", b"", "hunter2", b"hunter2", [], [SECRET, "hunter2"], [SECRET, ""], None, 5, [5]]
)
def test_a_secret_that_is_none(secret: Any) -> None:
    with pytest.raises(GraphDefinitionError, match=r"secret .*secrets\.token_hex") as caught:
        check(signed(), secret=secret)
    assert "hunter2" not in str(caught.value)
    assert SECRET not in str(caught.value)


@given(st.text(min_size=8) | st.binary(min_size=16))
def test_errors_never_have_the_secret(secret: str | bytes) -> None:
    for headers in ({}, signed(secret=OTHER_SECRET), {**signed(), "Temporal-Graph-Timestamp": "x"}):
        with pytest.raises((SignatureError, GraphDefinitionError)) as caught:
            check(headers, secret=secret)
        shown = secret if isinstance(secret, str) else secret.decode("latin-1")
        assert shown not in f"{caught.value!r}"
