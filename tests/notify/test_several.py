"""`each`: several notifiers as one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_graph import GraphDefinitionError
from temporal_graph.notify import AppriseNotifier, Notification, NotifyError, Webhook, each
from temporal_graph.notify.several import _MEMORY  # pyright: ignore[reportPrivateUsage]
from tests.notify.receiving import SECRET, Receiver, notification


class Told:
    """Remembers whom it was told of, and raises the next of its errors."""

    def __init__(self, *errors: Exception | None) -> None:
        self.ids: list[str] = []
        self.errors = list(errors)

    async def __call__(self, notification: Notification) -> None:
        self.ids.append(notification.id)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error


def told(id: str = "1") -> Notification:
    return notification(id=id)


async def test_all_are_told() -> None:
    one, two = Told(), Told()
    await each(one, two)(told())
    assert (one.ids, two.ids) == (["1"], ["1"])


async def test_they_are_told_at_the_same_time() -> None:
    both = asyncio.Barrier(2)

    async def wait(notification: Notification) -> None:
        async with both:
            pass

    await each(wait, wait)(told())


async def test_if_one_fails_the_others_are_told() -> None:
    one, two, three = Told(), Told(ValueError("no")), Told()
    with pytest.raises(NotifyError, match=r"^1 of 3 notifiers failed: number 2, ValueError: no$") as caught:
        await each(one, two, three)(told())
    assert caught.value.retry
    cause: Any = caught.value.__cause__
    assert [str(error) for error in cause.exceptions] == ["no"]
    assert (one.ids, two.ids, three.ids) == (["1"], ["1"], ["1"])


async def test_another_try_calls_those_that_failed() -> None:
    one, two = Told(), Told(ValueError("no"), NotifyError("still no"))
    notify = each(one, two)
    for _ in range(2):
        with pytest.raises(NotifyError):
            await notify(told())
    await notify(told())
    assert (len(one.ids), len(two.ids)) == (1, 3)
    await notify(told())  # it had arrived, which was not noted: all are told
    assert (len(one.ids), len(two.ids)) == (2, 4)


async def test_what_is_not_worth_another_try_is_not_tried_and_not_forgotten() -> None:
    one, two = Told(NotifyError("gone", retry=False)), Told(ValueError("no"))
    notify = each(one, two)
    with pytest.raises(NotifyError, match="2 of 2 notifiers failed: number 1, NotifyError: gone; number 2") as first:
        await notify(told())
    assert first.value.retry
    with pytest.raises(NotifyError, match=r"^1 of 2 notifiers failed: number 1, NotifyError: gone$") as second:
        await notify(told())
    assert not second.value.retry
    assert (len(one.ids), len(two.ids)) == (1, 2)


async def test_what_was_told_is_remembered_where_another_one_hangs() -> None:
    one = Told()
    told_one, hang = asyncio.Event(), asyncio.Event()

    async def slow(notification: Notification) -> None:
        told_one.set()
        await hang.wait()

    notify = each(one, slow)
    task = asyncio.ensure_future(notify(told()))
    await told_one.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hang.set()
    await notify(told())
    assert len(one.ids) == 1


async def test_notifications_are_told_apart() -> None:
    one, two = Told(), Told(ValueError("no"))
    notify = each(one, two)
    with pytest.raises(NotifyError):
        await notify(told("1"))
    await notify(told("2"))
    await notify(told("1"))
    assert one.ids == ["1", "2"]
    assert two.ids == ["1", "2", "1"]


async def test_so_many_are_remembered_and_no_more() -> None:
    one, two = Told(), Told(*[ValueError("no")] * (_MEMORY + 1))
    notify = each(one, two)
    for number in range(_MEMORY + 1):
        with pytest.raises(NotifyError):
            await notify(told(str(number)))
    assert len(one.ids) == _MEMORY + 1
    await notify(told("1"))
    assert len(one.ids) == _MEMORY + 1
    await notify(told("0"))
    assert len(one.ids) == _MEMORY + 2


async def test_one_that_is_cancelled_is_no_success() -> None:
    async def cancelled(notification: Notification) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await each(cancelled, Told())(told())


async def test_what_it_says_is_bounded() -> None:
    with pytest.raises(NotifyError) as caught:
        await each(Told(ValueError("x" * 10_000)))(told())
    assert len(str(caught.value)) < 600


async def test_a_function_that_is_not_async_is_an_error_of_its_own() -> None:
    one = Told()

    def wrong(notification: Notification) -> None:
        pass

    with pytest.raises(NotifyError, match=r"number 1, .*must be an async function") as caught:
        await each(wrong, one)(told())  # type: ignore[arg-type]
    assert not caught.value.retry
    assert len(one.ids) == 1


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise imports it
async def test_ready_made_ones(receiver: Receiver) -> None:
    receiver.statuses = [500, 200]
    notify = each(
        Webhook(f"http://{receiver.address}/hook", secret=SECRET),
        AppriseNotifier(f"json://{receiver.address}/chat"),
    )
    with pytest.raises(NotifyError, match="1 of 2 notifiers failed"):
        await notify(told())
    await notify(told())
    assert len(receiver.requests) == 3


@pytest.mark.parametrize("given", [[], [None], [Told(), "x"], [[Told()]]])
def test_what_is_no_notifier(given: list[Any]) -> None:
    with pytest.raises(GraphDefinitionError, match="each"):
        each(*given)
