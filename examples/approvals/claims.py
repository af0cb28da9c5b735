"""Two of three approve, and never whoever asks; what then cannot be paid becomes a question, and nothing is paid twice.

Approve -> Pay, or the end

Nobody has to look after a claim: its question reminds, is handed on to others, and in the end declines by itself, all
in working time. A payment that fails does not end the run: a person puts right what was wrong, and the node runs
again; but money that has gone out by then does not go out again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic_graph import BaseNode, End, GraphRunContext, StepContext
from temporalio.common import RetryPolicy

from examples.approvals.pattern import Pattern, Signed, choose
from examples.terminal import ask
from temporal_graph import (
    Calendar,
    Command,
    Escalate,
    Every,
    Interrupt,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    NodeOptions,
    Required,
    Retry,
    Stop,
    answers,
    once,
)

APPROVERS = ["ann", "bob", "cid"]
OFFICE = Calendar("Europe/Berlin")  # Monday to Friday, from nine to five
DAY = timedelta(hours=8)  # of working time


@dataclass
class Claim:
    """An expense claim: the state of a run."""

    requested_by: str
    purpose: str
    amount: int
    iban: str
    email: str
    approved_by: list[str] = field(default_factory=list[str])


def approvers(ctx: StepContext[Claim, None, Any]) -> list[str]:
    return [name for name in APPROVERS if name != ctx.state.requested_by]


@dataclass
class Approve(InterruptNode[Claim, None, str]):
    approved: Annotated[bool | None, Required] = None

    policy = InterruptPolicy(
        assignees=approvers,
        only_assignees=True,
        not_by=lambda ctx: ctx.state.requested_by,  # four eyes, also after it has been handed on
        quorum=2,
        reject_ends={"approved": False},
        reminders=Every(DAY),
        escalations=[Escalate(3 * DAY, ["boss", "cfo"])],
        timeout=5 * DAY,
        on_timeout=Command(resume={"approved": False}),
        calendar=OFFICE,
    )

    async def prompt(self, ctx: GraphRunContext[Claim, None]) -> dict[str, Any]:
        claim = ctx.state
        return {"question": f"Pay {claim.requested_by} {claim.amount} for {claim.purpose}?"}

    async def run(self, ctx: GraphRunContext[Claim, None]) -> Pay | End[str]:
        said = answers()
        if not self.approved:
            return End(
                "declined: not approved in time" if said[-1].via == "timeout" else f"declined by {said[-1].actor}"
            )
        ctx.state.approved_by = [each.actor for each in said if each.actor]
        return Pay()


@dataclass
class Pay(BaseNode[Claim, None, str]):
    node_options: ClassVar = NodeOptions(
        on_failure="interrupt",
        policy=InterruptPolicy(assignees="accounting", reminders=Every(DAY), calendar=OFFICE),
        # A bank that does not answer is tried again; what is wrong stays wrong.
        retry_policy=RetryPolicy(maximum_attempts=5, non_retryable_error_types=["ClaimError"]),
    )

    async def run(self, ctx: GraphRunContext[Claim, None]) -> End[str]:
        claim = ctx.state
        number = await once("pay", transfer, claim.amount, claim.iban)
        # If this fails, the node runs again, and `once` knows that the money has gone out.
        await send(claim.email, f"Payment {number}: {claim.amount} for {claim.purpose}.")
        return End(f"{claim.amount} paid as payment {number}, approved by {' and '.join(claim.approved_by)}")


claims = InterruptibleGraph([Approve, Pay], name="claims")


# -- A bank and a post office, of which this process plays both --------------------------------------------------------

transfers: list[tuple[int, str]] = []


class ClaimError(ValueError):
    """Something in the claim is wrong."""


async def transfer(amount: int, iban: str) -> int:
    """Pay; gives the number of the payment."""
    iban = iban.replace(" ", "")
    is_text = iban.isascii() and iban.isalnum()
    if not is_text or int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 != 1:
        raise ClaimError(f"{iban!r} is no IBAN: its check digits are wrong.")
    transfers.append((amount, iban))
    return len(transfers)


async def send(email: str, text: str) -> None:
    """Send a message; here nobody gets it."""
    if "@" not in email:
        raise ClaimError(f"{text!r} cannot be sent: {email!r} is no e-mail address.")


# -- At the terminal ---------------------------------------------------------------------------------------------------


async def answer(stop: Stop[str, Claim]) -> Signed | Command[Any]:
    [asked] = stop.interrupts
    return await repair(asked) if asked.kind == "failure" else await vote(asked)


async def vote(asked: Interrupt) -> Signed:
    print(asked.value["question"])
    print(f"Asked: {', '.join(asked.assignees)}. {asked.quorum} must approve, by {asked.deadline:%A %d %B, %H:%M} UTC.")
    if asked.answers:
        print(f"So far it is approved by {asked.answers[0]['actor']}.")
    name = ""
    while not name:
        name = (await ask("Your name? ")).strip()
    return Signed({"approved": await choose("Do you approve?", "yes", "no") == "yes"}, actor=name)


async def repair(asked: Interrupt) -> Command[Any]:
    message = asked.value["error"]["message"]
    print(f"{asked.node_id} has failed: {message}")
    match await choose("What is to be changed?", "iban", "email", "nothing", "abort"):
        case "nothing":  # but try again
            return Command(resume=Retry())
        case "abort":
            return Command(goto=End(f"given up: {message}"))
        case what:
            right = (await ask(f"The right {what}? ")).strip()
            return Command(resume=Retry(), update={what: right})


pattern = Pattern(
    claims,
    answer,
    from_node=Approve(),
    state=Claim("eve", "a train ticket", 120, iban="DE89370400440532031000", email="eve.example.org"),
)
