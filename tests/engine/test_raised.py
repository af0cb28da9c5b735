"""What an exception says of itself: whatever it is, and in bounded time and space."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, DefaultPayloadConverter
from temporalio.exceptions import ApplicationError

from temporal_graph.engine.raised import LONGEST_TRACE, causes_of, clipped, is_the_runtimes, message_of, type_of
from tests.support.errors import deep, grouped, in_a_ring, of_itself, without_end


def raised(function: Callable[[], Any]) -> BaseException:
    """What a function raises."""
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


class Nosy(type):
    """A class that does not say what it is called."""

    __name__: Any = property(lambda cls: 1 / 0)  # type: ignore[assignment]
    __module__: Any = property(lambda cls: 5)


class Sulky(Exception, metaclass=Nosy):
    """An error that answers nothing."""

    __cause__: Any = property(lambda self: 1 / 0)
    __context__: Any = property(lambda self: 1 / 0)
    __traceback__: Any = property(lambda self: 1 / 0)

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise SystemExit(3)


class Text(str):
    """A text that answers nothing."""

    def __getitem__(self, key: Any) -> str:
        raise RuntimeError("no")

    __len__ = encode = __getitem__  # type: ignore[assignment]


def sulky() -> None:
    """Raises an error that answers nothing."""
    raise Sulky


def test_causes_are_followed_once() -> None:
    [cause] = causes_of(raised(of_itself))
    assert (cause.type, cause.message) == ("ValueError", "no such order")
    assert 'raise ValueError("no such order")' in cause.stack_trace
    assert [cause.type for cause in causes_of(raised(in_a_ring))] == ["ValueError", "KeyError"]


def test_a_few_causes_are_followed() -> None:
    assert [cause.message for cause in causes_of(raised(deep))] == ["99999", "99998", "99997", "99996", "99995"]
    assert len(causes_of(raised(grouped))) == 5


def test_a_context_is_a_cause_unless_it_is_suppressed() -> None:
    def lookup(*, suppressed: bool) -> None:
        try:
            raise KeyError("mars")
        except KeyError as error:
            raised = ValueError("no such planet")
            if suppressed:
                raise raised from None
            raised.__context__ = error
            raise raised  # noqa: B904

    assert [each.type for each in causes_of(raised(lambda: lookup(suppressed=False)))] == ["ValueError", "KeyError"]
    assert [each.type for each in causes_of(raised(lambda: lookup(suppressed=True)))] == ["ValueError"]


def test_a_stack_trace_is_short() -> None:
    [cause] = causes_of(raised(without_end))
    assert cause.type == "RecursionError"
    assert len(cause.stack_trace) < LONGEST_TRACE
    assert "without_end(number + 1)" in cause.stack_trace


def test_an_error_that_answers_nothing() -> None:
    error = raised(sulky)
    assert type_of(error) == "Sulky"
    assert message_of(error) == "(it has no message: its __str__ raised SystemExit)"
    assert not is_the_runtimes(error)
    [cause] = causes_of(error)
    assert "raise Sulky" in cause.stack_trace


def test_nothing_said_is_nothing() -> None:
    sent = ApplicationError("", type="ValueError")
    failure = Failure()
    DefaultFailureConverter().to_failure(sent, DefaultPayloadConverter(), failure)
    came = DefaultFailureConverter().from_failure(failure, DefaultPayloadConverter())
    assert [message_of(error) for error in (ValueError(), sent, came)] == ["", "", ""]


def test_a_message_that_answers_nothing() -> None:
    assert clipped(Text("x" * 30), 20) == "x" * 20 + "... (30 characters)"
    assert clipped("\ud800") == "\\ud800"
    assert clipped(clipped("\ud800" * 3_000_000)) == clipped("\ud800" * 3_000_000)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit, SystemExit, asyncio.CancelledError])
def test_what_a_statement_has_raised_is_the_graphs(kind: type[BaseException]) -> None:
    def stop() -> None:
        raise kind

    error = raised(stop)
    assert not is_the_runtimes(error)
    assert not is_the_runtimes(BaseExceptionGroup("so", [error]))


def test_what_is_put_into_a_group_is_the_graphs() -> None:
    def stop() -> None:
        raise BaseExceptionGroup("so", [KeyboardInterrupt(), BaseExceptionGroup("so", [GeneratorExit()])])

    assert not is_the_runtimes(raised(stop))


def test_what_a_signal_has_raised_ends_the_process() -> None:
    assert is_the_runtimes(raised(lambda: signal.raise_signal(signal.SIGINT)))


async def test_what_closes_a_coroutine_ends_it() -> None:
    found: list[bool] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(1)
        except GeneratorExit as error:
            found.append(is_the_runtimes(error))
            found.append(is_the_runtimes(BaseExceptionGroup("so", [error])))
            raise

    waiting = wait()
    waiting.send(None)
    waiting.close()
    assert found == [True, True]
