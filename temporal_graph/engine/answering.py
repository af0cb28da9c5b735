"""What an answer does: it is planned first, when nothing has changed and it can be refused, and then carried out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from .actions import action_of, error_of, read, read_action
from .events import (
    OWN,
    Cancel,
    Command,
    Encoded,
    Failure,
    OpenInterrupt,
    Output,
    Position,
    Run,
    RunFailedError,
    SetTimer,
    Work,
    is_the_runtimes,
    listed,
)
from .questions import TIMEOUT, Accepted, Answer, Interrupt, Refused, describe, invalid, parts_of
from .sizes import json_size
from .spec import END, START, EndSpec, StepSpec
from .state import Json
from .voting import check_actor, is_full, is_one_of_several, votes_for
from .walker import Task, Walker

CURE = (
    "The release that wrote it would carry the run on; or edit the state, with update_state, or send the run "
    "elsewhere, with a goto."
)
"""What helps where a run is blocked."""
MOST_READ = 100
"""Tasks that wait of which it is looked at whether they can go on."""
EARLY_ANSWER = "early"
"""How an answer comes that was kept until its question opened."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Planned:
    """What an answer that has been checked will do; nothing of it can fail any more.

    Attributes:
        interrupt: The question that it answers; None where a node that asks nothing is sent elsewhere.
        task: The task that goes on, or is sent elsewhere.
        value: An interrupt node with the answer's fields set; what a node that failed is given instead of its input; or
            the output that is taken for its own.
        state: The state with the answer's changes; None for none.
        target: Where the run goes on instead, and what is given to that node.
        action: What is to become of a node that failed: `retry`, `skip` or `abort`.
        is_vote: More people must answer before the question has its answer.
    """

    interrupt: Interrupt | None
    task: Task
    value: Encoded | None
    state: tuple[Json] | None
    target: tuple[str, Encoded] | None
    action: str | None = None
    is_vote: bool = False


class Answering(Walker):
    """A walker that takes answers.

    Attributes:
        checkpoint: How often something has changed what comes next.
        taken: The answers that were kept early and have been taken with the last event or answer.
        judge: Says of what somebody has sent, by the way it came and whether it fits, whether it is taken: what has
            happened before, with another release of the graph, happens again as it did, whether or not it fits now.
        measure: Says why what a node gets, or the end, cannot be sent, with so many bytes more; None where it can.
    """

    checkpoint = 0
    taken: tuple[Accepted, ...] = ()
    _looked: tuple[tuple[int, int, int], list[Answer], list[_Planned | Accepted | None]] | None = None
    """What the answers will do that were last looked at: an update's are taken right after that."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.judge: Callable[[str, bool], bool] = lambda _, fits: fits
        self.measure: Callable[[Work, int], str | None] = lambda _, __: None

    def check(self, answer: Answer) -> None:
        """Look whether an answer would be taken; changes nothing.

        Raises:
            Refused: It would not be taken; or it could not be used, for the run is blocked.
        """
        self.check_all([answer])

    def answer(self, answer: Answer, now: str, via: str = "update") -> tuple[Accepted, list[Command]]:
        """Take an answer.

        Args:
            answer: The answer.
            now: The time, ISO 8601 with time zone.
            via: Which way it came.

        Returns:
            The acceptance (of the first one, where the same answer was sent before), and what is to be done.

        Raises:
            Refused: It is not taken, and nothing has changed.
        """
        [accepted], commands = self.answer_all([answer], now, via)
        return accepted, commands

    def check_all(self, answers: Sequence[Answer]) -> None:
        """Look whether several answers would be taken together; changes nothing.

        Raises:
            Refused: They would not; see `check`.
        """
        planned = self._plan_all(answers)
        for plan in planned:
            self._check_readable(plan)
        self._looked = self._moment(), list(answers), planned

    def _check_readable(self, plan: _Planned | Accepted | None) -> None:
        """Refuse an answer after which a node would run that cannot read what it gets.

        Not where answers are taken: another release may have taken them, and it has happened.
        """
        if not isinstance(plan, _Planned) or plan.action is not None:
            return
        state = self.state if plan.state is None else plan.state[0]
        node_id, value = plan.target or (plan.task.node_id, plan.value or plan.task.value)
        problem = self.functions.unreadable(None if node_id == END else node_id, value, state)
        if problem is not None:
            name = plan.task.id if plan.interrupt is None else plan.interrupt.interrupt_id
            raise self._blocked(name, problem)

    def full(self, answers: Sequence[Answer]) -> Interrupt | None:
        """A question that several people must answer and that has no room for one of these answers."""
        for answer in self._of_several(answers):
            with contextlib.suppress(Refused):  # it is refused for that
                found = self._find(answer)
                if isinstance(found, tuple) and found[0] is not None and is_full(found[0], answer):
                    return found[0]
        return None

    def _of_several(self, answers: Sequence[Answer]) -> list[Answer]:
        """Without those that are enough by themselves, as far as that can be seen at once."""
        asked = (self.questions.open.get(answer.interrupt_id or "") for answer in answers)
        return [answer for answer, one in zip(answers, asked, strict=True) if one is None or one.quorum > 1]

    def no_room(self, answers: Sequence[Answer]) -> Refused | None:
        """Why these answers are not kept beside what people have said; None where they are, or need not be."""
        kept: list[Json] = []
        for answer in self._of_several(answers):
            with contextlib.suppress(Refused):  # it is refused for that
                found = self._find(answer)
                is_vote = isinstance(found, tuple) and found[0] is not None and is_one_of_several(found[0], answer)
                if found is None or is_vote:
                    kept.append([answer.value, answer.comment])
        return self.questions.no_room(kept) if kept else None

    @property
    def problem(self) -> str | None:
        """Why the run is blocked: what it holds that the release of its graph which has it now cannot read."""
        for asked in self.questions.open.values():
            if asked.kind == "blocked":
                return str(asked.value["error"]["message"])
        waiting = [task for task in self.tasks.values() if task.status == "waiting"][:MOST_READ]
        if self.status != "running" or not waiting:
            return None
        problems = (self.functions.unreadable(task.node_id, task.value, self.state) for task in waiting)
        return next((problem for problem in problems if problem is not None), None)

    def answer_all(
        self, answers: Sequence[Answer], now: str, via: str = "update"
    ) -> tuple[list[Accepted], list[Command]]:
        """Take several answers; all of them, or none; see `answer`.

        Returns:
            The acceptances, and what is to be done.

        Raises:
            Refused: One of them is not taken, and nothing has changed.
        """
        planned = self._recall(answers, via) or self._plan_all(answers, via)
        self._now = now
        self.taken = ()
        if any(isinstance(plan, _Planned) and not plan.is_vote for plan in planned):
            self.checkpoint += 1
            self.is_found_blocked = False
        accepted: list[Accepted] = []
        taken: list[tuple[_Planned, Answer]] = []
        for answer, plan in zip(answers, planned, strict=True):
            if isinstance(plan, Accepted):
                accepted.append(plan)
            elif plan is None:
                accepted.append(self.questions.keep(answer, self._now, via))
            else:
                accepted.append(self._accept(plan, answer, via))
                taken.append((plan, answer))
        try:
            for plan, answer in taken:
                self._carry_out(plan, answer)
            self._settle_answers()
        except RunFailedError as error:
            self._fail(error.failure)
        return accepted, self._take_commands()

    def _recall(self, answers: Sequence[Answer], via: str) -> list[_Planned | Accepted | None] | None:
        """What was found when these answers were looked at; None where that was not the last thing to happen."""
        looked, self._looked = self._looked, None
        if via != "update" or looked is None or looked[:2] != (self._moment(), list(answers)):
            return None
        for plan in looked[2]:
            if isinstance(plan, _Planned):
                self._judge(via, True)
        return looked[2]

    def _moment(self) -> tuple[int, int, int]:
        """What is another one when anything has happened that a plan depends on."""
        return self.checkpoint, self.questions.audit.latest, self.shared.version

    def _accept_planned(self, plan: _Planned | Accepted | None, answer: Answer, via: str) -> Accepted:
        """Take one answer that has been planned, and carry it out."""
        assert isinstance(plan, _Planned)
        accepted = self._accept(plan, answer, via)
        self._carry_out(plan, answer)
        return accepted

    def _settle_answers(self) -> None:
        if self.status == "running":
            self._settle()
            self._take_early()

    def reject(self, answer: Json, refused: Refused, now: str, via: str = "signal") -> None:
        """Keep an answer that came where it cannot be refused to its sender."""
        sent = cast("dict[str, Json]", answer) if isinstance(answer, dict) else {}
        name = sent.get("interrupt_id")
        with contextlib.suppress(Refused):
            # In an answer a node's name, or none, stands for the only open question.
            if isinstance(name, str) or (name is None and "value" in sent):
                name = self.questions.named(name).interrupt_id
        self.questions.reject(answer, refused, now, via, name, sent.get("actor"), sent.get("comment"))

    def _plan_all(self, answers: Sequence[Answer], via: str | None = None) -> list[_Planned | Accepted | None]:
        planned = [self._plan(answer, via) for answer in answers]
        if len(answers) > 1:
            self._check_together(answers, planned)
        return planned

    def _check_together(self, answers: Sequence[Answer], planned: Sequence[_Planned | Accepted | None]) -> None:
        seen: dict[str, None] = {}
        answer_ids: dict[str, None] = {}
        for answer, plan in zip(answers, planned, strict=True):
            if answer.goto is not None or answer.state_update is not None:
                raise Refused(
                    "invalid", "Of several answers none can have goto or state_update; send such a one alone."
                )
            interrupt_id = answer.interrupt_id if plan is None else None
            if isinstance(plan, _Planned) and plan.interrupt is not None:
                interrupt_id = plan.interrupt.interrupt_id
            elif interrupt_id is not None and not self._is_on_its_way(interrupt_id):
                message = f"{interrupt_id!r} is not open, and its node is not on its way; send such an answer alone."
                raise Refused("unknown_interrupt", message)
            if interrupt_id is not None and interrupt_id in seen:
                raise Refused("ambiguous", f"Two of the answers are for {interrupt_id!r}.")
            if interrupt_id is not None:
                seen[interrupt_id] = None
            if answer.answer_id is not None and not isinstance(plan, Accepted):
                if answer.answer_id in answer_ids:
                    raise Refused("ambiguous", f"Two of the answers have the answer_id {answer.answer_id!r}.")
                answer_ids[answer.answer_id] = None
        self.questions.check_room([answer for answer, plan in zip(answers, planned, strict=True) if plan is None])

    def _plan(self, answer: Answer, via: str | None = None) -> _Planned | Accepted | None:
        """Look what an answer would do: None for one that will be kept until its question opens.

        Args:
            answer: The answer.
            via: Which way it comes; None where it is only looked whether it would be taken.
        """
        found = self._find(answer)
        if isinstance(found, Accepted):
            return found
        if found is None:
            self.questions.check_ahead(answer, self._most_ahead(answer))
            if answer.goto is not None or answer.state_update is not None:
                message = f"{answer.interrupt_id!r} is not open yet; an answer with goto or state_update cannot wait."
                raise Refused("unknown_interrupt", message)
            return None
        interrupt, task = found
        is_vote = False
        for asked in [] if via == TIMEOUT else self._asked_at(interrupt, task):
            check_actor(asked, answer)
            is_vote = is_one_of_several(asked, answer)
        return self._judged(via, lambda is_taken: self._read(interrupt, task, answer, is_vote, is_taken))

    def _judged(self, via: str | None, look: Callable[[bool], T]) -> T:
        """What somebody has sent, where it is taken, as the release of the graph at hand reads it.

        Args:
            via: Which way it came; None where it is only looked whether it would be taken.
            look: Reads it, and raises `Refused` if it does not fit; not where it is told that it is taken.

        Raises:
            Refused: It is not taken.
        """
        try:
            found = look(False)
        except Refused:
            if via is None or not self._judge(via, False):
                raise
            return look(True)
        if via is not None and not self._judge(via, True):
            raise Refused("invalid", "The release of the graph that got it has refused it.")
        return found

    def _judge(self, via: str, fits: bool) -> bool:
        return self.judge(via, fits)

    def _read(self, interrupt: Interrupt | None, task: Task, answer: Answer, is_vote: bool, is_taken: bool) -> _Planned:
        target = None if answer.goto is None else self._plan_goto(task, answer.goto, is_taken)
        state = None if answer.state_update is None else (self.edited(answer.state_update, is_taken),)
        value, action = None, None
        if interrupt is not None and interrupt.kind in ("failure", "blocked"):
            if target is None:
                action, value = self._plan_action(interrupt, answer, is_taken)
        elif interrupt is not None and (target is None or answer.value is not None):
            if interrupt.kind == "call" and not answer.has_value:
                message = (
                    f"{interrupt.interrupt_id!r} takes an answer: give it a value, which may be None. Only to change "
                    "the state there is update_state."
                )
                raise invalid("value", message)
            if not is_taken:
                value = self._plan_value(interrupt, task, answer.value, self.state if state is None else state[0])
            elif interrupt.kind == "node":
                value = self.functions.fill(task.node_id, task.value, answer.value, is_taken=True)
        plan = _Planned(interrupt, task, value, state, target, action, is_vote)
        if not is_taken:
            self._check_fits(plan, answer)
        return plan

    def _check_fits(self, plan: _Planned, answer: Answer) -> None:
        """Refuse an answer with which there would be more than the node can be sent: it would fail, and the run."""
        if plan.state is not None:
            self.check_size(plan.state[0])
        work, more = self._work_after(plan, answer), 0
        if work is not None and plan.is_vote and plan.interrupt is not None:
            more = plan.interrupt.size + json_size(answer.value)
        message = None if work is None else self.measure(work, more)
        if message is not None:
            raise invalid("value", message)

    def _work_after(self, plan: _Planned, answer: Answer) -> Work | None:
        """What a node gets that runs because of an answer; None where none does, or one that failed is tried again."""
        task, interrupt = plan.task, plan.interrupt
        state = self.state if plan.state is None else plan.state[0]
        if plan.target is not None:
            return Work(task.id, *plan.target, state, {})
        if interrupt is None or plan.action is not None or interrupt.kind == "after":
            return None
        work = self._work(task, state)
        if plan.is_vote or interrupt.kind == "before":
            return work
        given = Accepted(interrupt.interrupt_id, self._now, answer.actor, answer.answer_id, answer.value)
        position = OWN if interrupt.position is None else interrupt.position
        work.votes[position] = votes_for(interrupt, given)
        if plan.value is not None:
            return replace(work, value=plan.value)
        work.answers[position] = answer.value
        return work

    def _work(self, task: Task, state: Json) -> Work:
        return Work(
            task.id,
            task.node_id,
            task.value,
            state,
            dict(task.answers),
            dict(task.votes),
            dict(task.once),
            self._composes(task),
            dict(task.marks),
        )

    def _asked_at(self, interrupt: Interrupt | None, task: Task) -> list[Interrupt]:
        """The questions that are passed by with an answer: the one it is for, or those of a node sent elsewhere."""
        if interrupt is not None:
            return [interrupt]
        return self.questions.open.of_task(task.id)

    def _find(self, answer: Answer) -> tuple[Interrupt | None, Task] | Accepted | None:
        if answer.goto is not None and not self.questions.closed and self.questions.known(answer) is None:
            name = answer.interrupt_id
            if name is not None and name in self.tasks and name not in self.questions.open:
                return None, self.tasks[name]
            if name is None and not self.questions.open and self.tasks:
                if len(self.tasks) == 1:
                    return None, next(iter(self.tasks.values()))
                ids = ", ".join(repr(task_id) for task_id in self.tasks)
                raise Refused(
                    "ambiguous", f"{len(self.tasks)} nodes are on their way. Say which with interrupt_id: {ids}."
                )
        found = self.questions.find(answer, self.visits, self._asked, self._will_ask)
        return (found, self.tasks[found.task_id]) if isinstance(found, Interrupt) else found

    def _most_ahead(self, answer: Answer) -> int | None:
        """How many answers are kept for a question that is not open; None for all: a call says who may when it asks."""
        node_id, _, position = parts_of(answer.interrupt_id or "")
        return None if position is not None else self.functions.most_ahead(node_id)

    def _is_on_its_way(self, interrupt_id: str) -> bool:
        """Whether the node is that would ask this."""
        node_id, visit, position = parts_of(interrupt_id)
        return position is not None and f"{node_id}:{visit}" in self.tasks

    def _asked(self, task_id: str) -> Container[Position] | None:
        """The positions of the questions that a task has asked; None where it has ended."""
        task = self.tasks.get(task_id)
        return None if task is None else {**task.answers, **task.marks}

    def _will_ask(self, task_id: str) -> bool:
        """Whether it is an interrupt node which has yet to ask: it stands at a breakpoint, or composes its question."""
        task = self.tasks.get(task_id)
        return task is not None and self._asks(task) and task_id not in self.questions.open

    def _plan_value(self, interrupt: Interrupt, task: Task, value: Json, state: Json) -> Encoded | None:
        if interrupt.kind in ("before", "after"):
            return None
        try:
            errors = self.functions.check(interrupt.node_id, _schema_of(interrupt), value)
            if not errors and interrupt.kind != "node":
                return None
            if not errors:
                filled = self.functions.fill(task.node_id, task.value, value)
                errors = self.functions.validate(task.node_id, filled, state)
                if not errors:
                    return filled
        except BaseException as error:
            # A validator of the user's, which failed: no answer may fail a run.
            if is_the_runtimes(error):
                raise
            errors = [error_of(error)]
        problem = self.functions.unreadable(task.node_id, task.value, state)
        if problem is not None:
            raise self._blocked(interrupt.interrupt_id, problem)
        raise Refused("invalid", describe(interrupt.interrupt_id, errors), errors)

    @staticmethod
    def _blocked(name: str, problem: str) -> Refused:
        return Refused("blocked", f"The run is blocked, and {name!r} takes no answer: {problem}. {CURE}")

    def _plan_action(self, interrupt: Interrupt, answer: Answer, is_taken: bool) -> tuple[str, Encoded | None]:
        """What is to become of a node that failed."""
        action = action_of(answer.value)
        if action is None:
            message = (
                f"{interrupt.interrupt_id!r} is about a node that failed. It takes {{'action': 'retry'}}, and 'inputs' "
                "with it for other ones, {'action': 'skip', 'output': ...} or {'action': 'abort'}; or a goto."
            )
            raise invalid("action", message)
        value, errors = read_action(self.functions, interrupt.node_id, action, answer.value, is_taken)
        if errors:
            raise Refused("invalid", describe(interrupt.interrupt_id, errors), errors)
        return action, value

    def _plan_goto(self, task: Task, goto: dict[str, Json], is_taken: bool) -> tuple[str, Encoded]:
        unknown = [name for name in goto if name not in ("node_id", "data")]
        if unknown and not is_taken:
            raise invalid(
                "goto", f"A goto is an object with 'node_id' and 'data'; it has {', '.join(map(repr, unknown))}."
            )
        node_id, data = goto.get("node_id"), goto.get("data")
        node = self.spec.nodes.get(node_id) if isinstance(node_id, str) else None
        if not isinstance(node, StepSpec | EndSpec):
            raise invalid("goto", f"There is no node {node_id!r} to go to. The nodes: {self._known()}.")
        for fork_id in self.forks.lacking(node.id, task.runs):
            if fork_id != START:
                message = (
                    f"Node {node.id!r} is behind fork {fork_id!r}, of which {task.id!r} is no branch, and before a "
                    "join that waits for that fork's branches. Go to a node before the fork, or behind the join."
                )
                raise invalid("goto", message)
        value, errors = read(self.functions.arrive, node.id, data, is_taken)
        if value is None:
            errors = [{**error, "loc": ["goto", "data", *error["loc"]]} for error in errors]
            raise Refused("invalid", f"This cannot be given to node {node.id!r}: {listed(errors)}.", errors)
        return node.id, value

    def _accept(self, plan: _Planned, answer: Answer, via: str) -> Accepted:
        if plan.state is not None:
            self.shared.edit(plan.state[0])
            self.edits += 1
            self._try_all_again()
        if plan.interrupt is None:
            # The task's own id would take the place of the answer to an interrupt node.
            return self.questions.accept(f"{plan.task.id}.goto", answer, self._now, via)
        interrupt = plan.interrupt
        if plan.is_vote:
            return self.questions.vote(interrupt, answer, self._now, via)
        accepted = self.questions.accept(interrupt.interrupt_id, answer, self._now, via)
        if interrupt.due:
            self._commands.append(SetTimer(interrupt.interrupt_id))
        if interrupt.kind in ("node", "call"):
            position = OWN if interrupt.position is None else interrupt.position
            plan.task.votes[position] = votes_for(interrupt, accepted)
            if plan.state is not None and plan.task.marks.get(position):
                plan.task.marks[position] = {**plan.task.marks[position], "edited": True, "edits": self.edits}
            plan.task.doubtful = interrupt if interrupt.kind == "call" and interrupt.policy is not None else None
        return accepted

    def _carry_out(self, plan: _Planned, answer: Answer) -> None:
        task, interrupt = plan.task, plan.interrupt
        if plan.is_vote:
            return
        if plan.target is not None:
            self._go(task, *plan.target)
        elif interrupt is not None and plan.action is not None:
            self._act(task, interrupt, plan.action, plan.value)
        elif interrupt is not None:
            self._go_on(task, interrupt, plan.value, answer.value)

    def _go_on(self, task: Task, interrupt: Interrupt, filled: Encoded | None, answer: Json) -> None:
        if interrupt.kind == "after":
            assert task.held is not None
            self._end_task(task, task.held)
        elif interrupt.kind == "before":
            self._be_ready(task)
        else:
            if filled is not None:
                task.value, task.is_answered = filled, True
            elif interrupt.position is not None:
                task.answers[interrupt.position] = answer
            task.status = "ready"
            self._commands.append(Run(task.id))

    def _act(self, task: Task, interrupt: Interrupt, action: str, value: Encoded | None) -> None:
        """Do with a node that failed what a person has said."""
        if task.status == "running":  # it was blocked, and is being tried again just now
            self._commands.append(Cancel(task.id))
            self._running -= 1
            self._forget_base(task)
            task.status = "waiting"
        if action == "abort":
            error = interrupt.value["error"]
            path = tuple(error["path"]) if "path" in error else None
            raise RunFailedError(
                task.failure or Failure(task.node_id, error["type"], error["message"], path)  # of another history
            )
        if action == "skip":
            assert value is not None
            self._end_node(task, Output(value))
            return
        if value is not None:
            task.value = value
            # An interrupt node without people's answer in it asks again, and shows what it has got now.
            task.is_answered = task.is_answered and self.functions.is_answered(task.node_id, value)
            task.shown = None
        self._be_ready(task)

    def _go(self, task: Task, node_id: str, value: Encoded) -> None:
        """Send the token of a task elsewhere; what the task does is not wanted any more."""
        self._drop(task)
        runs = task.runs
        if START in self.forks.lacking(node_id, runs):
            # What the whole run was waited for has been joined: from here it is as if the graph had begun anew.
            runs = (*self.forks.open(START), *self.forks.alive(runs))
        self._enter(node_id, value, runs, is_answered=self.functions.is_answered(node_id, value))
        self._leave(task.holds)

    def _take_early(self) -> None:
        """Answer what has just opened with what was kept for it."""
        while self._opened:
            interrupt = self._opened.popleft()
            if self.questions.open.get(interrupt.interrupt_id) is not interrupt:
                continue
            for kept in self.questions.take_early(interrupt.interrupt_id):
                self._take_kept(kept)

    def _take_kept(self, kept: Accepted) -> None:
        early = Answer(kept.interrupt_id, kept.value, actor=kept.actor, answer_id=kept.answer_id, comment=kept.comment)
        via = kept.via or "update"
        try:
            planned = self._plan(early, EARLY_ANSWER)
        except Refused as refused:
            self.questions.reject(early.value, refused, self._now, via, kept.interrupt_id, kept.actor, kept.comment)
            return
        if not isinstance(planned, _Planned):
            return  # the same answer has been taken for another question
        if not planned.is_vote:
            self._commands.remove(OpenInterrupt(kept.interrupt_id))
        self.taken = (*self.taken, self._accept(planned, early, via))
        self._carry_out(planned, early)

    def check_size(self, state: Json) -> None:
        """Look whether a state that somebody has changed can be sent.

        Raises:
            Refused: It is too large.
        """
        message = self.too_large(state)
        if message is not None:
            raise invalid("state", message)

    def too_large(self, state: Json) -> str | None:
        """Why a state cannot be sent, by itself or with what nodes get that are about to run; None where it can."""
        message = self.shared.too_large(state)
        ready = (task for task in self.tasks.values() if task.status == "ready" and message is None)
        found = (self.measure(self._work(task, state), 0) for task in ready)
        return message or next((each for each in found if each is not None), None)

    def edited(self, update: Json, is_taken: bool = False) -> Json:
        """The state with some fields changed by a person.

        Raises:
            Refused: It does not take this.
        """
        try:
            state, errors = self.functions.edit(self.state, update, is_taken=is_taken)
        except BaseException as error:
            if is_the_runtimes(error):
                raise
            state, errors = None, [error_of(error)]
        if errors:
            raise Refused("invalid", f"The state cannot take this: {listed(errors)}.", errors)
        return state

    def _known(self) -> str:
        return ", ".join(repr(node_id) for node_id, node in self.spec.nodes.items() if isinstance(node, StepSpec))


def _schema_of(interrupt: Interrupt) -> dict[str, Any] | None:
    return None if interrupt.kind == "node" else (interrupt.response_schema or {})
