"""`AppriseNotifier`, with the real apprise and a real server."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from typing import Any

import apprise
import pytest

from temporal_graph import GraphDefinitionError
from temporal_graph.notify import AppriseNotifier, NotifyError
from tests.notify.receiving import Receiver, accepted, notification, question
from tests.support.process import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise imports it


def told(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in receiver.requests]


async def test_it_tells_people(receiver: Receiver) -> None:
    opened = notification(interrupt=question(value="Pay <b>30</b> & *more*?\\n", assignees=["ann"]))
    await AppriseNotifier(f"json://{receiver.address}/chat")(opened)
    [message] = told(receiver)
    assert receiver.requests[0].path == "/chat"
    assert (message["title"], message["message"]) == (opened.title, opened.text)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("opened", "info"),
        ("reminded", "warning"),
        ("escalated", "warning"),
        ("answered", "success"),
        ("timed_out", "failure"),
        ("of_a_later_release", "info"),
    ],
)
async def test_what_kind_of_message_an_event_is(receiver: Receiver, event: Any, kind: str) -> None:
    notifier = AppriseNotifier(f"json://{receiver.address}")
    notifier._only |= {event}  # type: ignore[attr-defined]
    await notifier(notification(event=event, answer=accepted()))
    assert [message["type"] for message in told(receiver)] == [kind]


async def test_a_title_for_all(receiver: Receiver) -> None:
    await AppriseNotifier(f"json://{receiver.address}", title="Refunds")(notification())
    [message] = told(receiver)
    assert message["title"] == "Refunds"
    assert message["message"] == f"{notification().title}\n\n{notification().text}"


async def test_only_some_events(receiver: Receiver) -> None:
    notifier = AppriseNotifier(f"json://{receiver.address}", only=["opened", "escalated"])
    for event in ("opened", "reminded", "escalated", "answered", "timed_out"):
        await notifier(notification(event=event))
    assert [message["type"] for message in told(receiver)] == ["info", "warning"]


async def test_it_sends_to_all(receiver: Receiver) -> None:
    await AppriseNotifier(f"json://{receiver.address}/a", f"json://{receiver.address}/b")(notification())
    assert {request.path for request in receiver.requests} == {"/a", "/b"}


async def test_one_that_fails_is_an_error(receiver: Receiver) -> None:
    receiver.statuses = [200, 500]
    notifier = AppriseNotifier(f"json://ann:hunter2@{receiver.address}/a", f"json://{receiver.address}/t0k3n")
    with pytest.raises(NotifyError, match="apprise could not send to all of json://…, json://…") as caught:
        await notifier(notification())
    assert caught.value.retry
    assert "hunter2" not in str(caught.value)
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/hunter2-leaks", "slack://…"),
        ("twilio://hunter2:hunter2@12/12", "twilio://…"),
        ("json://ann:hunter2@localhost/?method=hunter2", "json://…"),
        ("nosuch://hunter2", "nosuch://…"),
        ("hunter2", "…"),
        ("hunter2 /://x", "…"),
        ("", "…"),
        (5, "something of type int"),
        (["json://hunter2"], "something of type list"),
    ],
)
def test_a_url_that_apprise_does_not_take(
    url: Any, shown: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(1), pytest.raises(GraphDefinitionError) as caught:
        AppriseNotifier("json://localhost", url)
    assert f"AppriseNotifier got {shown} as URL number 2, which apprise does not take" in str(caught.value)
    assert "hunter2" not in str(caught.value) + caplog.text + "".join(capfd.readouterr())


def test_apprise_logs_as_before_in_other_threads_and_afterwards(caplog: pytest.LogCaptureFixture) -> None:
    from temporal_graph.notify import services

    services_of: Any = apprise.Apprise()
    with services._silent():  # pyright: ignore[reportPrivateUsage]
        thread = threading.Thread(target=services_of.add, args=("nosuch://x",))
        thread.start()
        thread.join()
        assert len(caplog.records) == 1
        services_of.add("nosuch://x")
        assert len(caplog.records) == 1
    services_of.add("nosuch://x")
    assert len(caplog.records) == 2
    assert logging.getLogger("apprise").filters == []


def test_its_repr_has_no_credentials() -> None:
    notifier = AppriseNotifier("json://ann:hunter2@localhost/hunter2", "mailto://ann:hunter2@example.com")
    assert repr(notifier) == str(notifier) == "AppriseNotifier('json://…', 'mailto://…')"


def test_no_urls() -> None:
    with pytest.raises(GraphDefinitionError, match="got no URL"):
        AppriseNotifier()


@pytest.mark.parametrize("only", ["opened", [], ["closed"], ["opened", "closed"], 5, [[]]])
def test_events_that_there_are_not(only: Any) -> None:
    with pytest.raises(GraphDefinitionError, match=r"only is .*one or more of opened, reminded, escalated, answered, "):
        AppriseNotifier("json://localhost", only=only)


def test_without_apprise_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['apprise'] = None\n"
        "from temporal_graph.notify import AppriseNotifier\n"
        "AppriseNotifier('json://localhost')"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "GraphDefinitionError: AppriseNotifier needs apprise: pip install 'pydantic-graph-temporal[notify]'" in (
        run.stderr
    )
