"""What a random program means, worked out by recursion over the program, with no graph and no scheduler.

The public face of the generated tests: `sample` and `programs` make programs, `build` their graphs, `oracle` says what
a run of them must give.

The oracle sends *all* values that ever come to a place through it together, as one crowd. A join then simply groups
the crowd that came to it by the run of its parent fork. That is the rule itself: a join fires exactly once for each
run of its parent fork, when everything that this run started, and that can still reach the join, has arrived.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from hypothesis import strategies as st

from tests.conformance.random_build import State, build
from tests.conformance.random_program import (
    MODULUS,
    Broadcast,
    Decision,
    Generator,
    Join,
    Leave,
    Loop,
    Map,
    Mode,
    Node,
    Program,
    Seq,
    Stage,
    Step,
    Value,
    apply,
    digest,
    enter_loop,
    has_laps,
    is_odd,
    leave_loop,
    next_lap,
    spread,
    with_random,
)

__all__ = [
    "Case",
    "Mode",
    "NoMeaning",
    "Outcome",
    "Program",
    "State",
    "Value",
    "build",
    "oracle",
    "outcome",
    "own_parents",
    "programs",
    "resolved_parents",
    "sample",
]

START = "__start__"
"""Upstream's id of the start node, which is also the farthest fork: its one run is the whole run."""

LONGEST_RUN = 150
"""Programs with more visits than this are not used: they would only take long."""

Case: TypeAlias = tuple[Program, Value]
"""A program and what to start it with."""


class NoMeaning(Exception):
    """The run does not end exactly once, or it takes too long: not a program to compare with."""


class Outcome(NamedTuple):
    """What a run gives: the output, and the ids of the steps that ran, sorted."""

    output: Value
    visits: tuple[str, ...]


def outcome(output: Value, visits: Iterable[str]) -> Outcome:
    """An `Outcome` from a run's output and its final state's `visits`."""
    return Outcome(output, tuple(sorted(visits)))


# -- Meaning -------------------------------------------------------------------------------------

Runs: TypeAlias = tuple[tuple[str, int], ...]
"""The fork runs that a value is part of, outermost first: fork id and number of the run."""


@dataclass(frozen=True)
class Token:
    """A value at some place of the program."""

    value: Value
    runs: Runs


Crowd: TypeAlias = list[Token]


@dataclass
class Meaning:
    """One run of a program; `parents` tells each join's parent fork."""

    parents: Mapping[str, str]
    visits: list[str] = field(default_factory=list[str])
    ended: list[Value] = field(default_factory=list[Value])
    announced: dict[str, list[Runs]] = field(default_factory=dict[str, list[Runs]])
    fork_runs: int = 0

    def run(self, node: Node, crowd: Crowd) -> Crowd:
        """Send a crowd through `node`, and give the crowd that comes out."""
        match node:
            case Step():
                return [Token(apply(node, token.value), token.runs) for token in self.visit(node.id, crowd)]
            case Seq(nodes):
                for part in nodes:
                    crowd = self.run(part, crowd)
                return crowd
            case Broadcast():
                return self.broadcast(node, self.visit(f"{node.id}.in", crowd))
            case Map():
                return self.map(node, self.visit(f"{node.id}.in", crowd))
            case Decision():
                self.visit(f"{node.id}.in", crowd)
                odd = self.run(node.odd, [token for token in crowd if is_odd(token.value)])
                return odd + self.run(node.even, [token for token in crowd if not is_odd(token.value)])
            case Loop():
                self.visit(f"{node.id}.in", crowd)
                return self.loop(node, [Token(enter_loop(node, token.value), token.runs) for token in crowd])
            case Leave():
                self.visit(f"{node.id}.in", crowd)
                self.ended += [token.value for token in crowd if token.value.n % node.divisor == 0]
                return self.visit(f"{node.id}.out", [t for t in crowd if t.value.n % node.divisor])

    def visit(self, node_id: str, crowd: Crowd) -> Crowd:
        """Note a visit for each value."""
        self.visits += [node_id] * len(crowd)
        if len(self.visits) > LONGEST_RUN:
            raise NoMeaning(f"more than {LONGEST_RUN} visits")
        return crowd

    def new_run(self, fork_id: str, token: Token) -> Runs:
        """The runs of what a fork starts for one value."""
        self.fork_runs += 1
        return (*token.runs, (fork_id, self.fork_runs))

    def broadcast(self, node: Broadcast, crowd: Crowd) -> Crowd:
        started = [Token(token.value, self.new_run(node.id, token)) for token in crowd]
        arrived = [self.run(lane, started) for lane in node.lanes]
        staged = [token for lane in arrived[: node.staged] for token in lane]
        straight = [token for lane in arrived[node.staged :] for token in lane]
        return self.fire(node.join, straight + self.through(node.stage, staged))

    def map(self, node: Map, crowd: Crowd) -> Crowd:
        items: Crowd = []
        for token in crowd:
            runs = self.new_run(node.id, token)
            if node.announces is not None:
                self.announced.setdefault(node.announces, []).append(runs)
            items += [Token(value, runs) for value in spread(node, token.value)]
        arrived = self.run(node.body, items)
        if node.stage is None:
            return self.fire(node.join, arrived)
        staged = [token for token in arrived if is_odd(token.value)]
        straight = [token for token in arrived if not is_odd(token.value)]
        return self.fire(node.join, straight + self.through(node.stage, staged))

    def through(self, stage: Stage | None, crowd: Crowd) -> Crowd:
        """Send a crowd through an intermediate join and what follows it."""
        return crowd if stage is None else self.run(stage.body, self.fire(stage.join, crowd))

    def loop(self, node: Loop, crowd: Crowd) -> Crowd:
        done: Crowd = []
        while crowd:
            arrived = self.run(node.body, crowd)
            done += [token for token in arrived if not has_laps(token.value)]
            crowd = [Token(next_lap(token.value), token.runs) for token in arrived if has_laps(token.value)]
        return [Token(leave_loop(t.value), t.runs) for t in self.visit(f"{node.id}.out", done)]

    def fire(self, join: Join, crowd: Crowd) -> Crowd:
        """The rule: what came to the join leaves it as one value for each run of its parent fork.

        An announced run is one that fires even if nothing comes.
        """
        groups: dict[Runs, list[Value]] = {}
        for runs in self.announced.pop(join.id, []):
            groups.setdefault(self.up_to(self.parents[join.id], runs), [])
        for token in crowd:
            groups.setdefault(self.up_to(self.parents[join.id], token.runs), []).append(token.value)
        if join.reducer == "context":
            self.visits += ["reduced"] * len(crowd)
        fired = [Token(joined(join, values), runs) for runs, values in groups.items()]
        return self.visit(f"{join.id}.out", fired)

    @staticmethod
    def up_to(fork_id: str, runs: Runs) -> Runs:
        """The innermost run of a fork, with all the runs around it."""
        place = max(i for i, (fork, _) in enumerate(runs) if fork == fork_id)
        return runs[: place + 1]


def joined(join: Join, values: list[Value]) -> Value:
    """What the step after a join makes of the values that came to it."""
    match join.reducer:
        case "sum":
            return sum(values, Value())
        case "append":
            return digest(values)
        case "extend":
            return digest(values + [Value((value.n + 1) % MODULUS, value.laps) for value in values])
        case "dict":
            return digest(set(values))
        case "mix":
            return sum((Value(value.n**2, value.laps) for value in values), Value())
        case "context":
            return sum((Value(3 * value.n, value.laps) for value in values), Value())
        case "null":
            return Value(1)


# -- Parent forks --------------------------------------------------------------------------------


def joins(node: Node) -> Iterable[tuple[Join, str]]:
    """Every join of a program with the fork that it belongs to."""
    match node:
        case Step() | Leave():
            return
        case Seq(nodes):
            parts = nodes
        case Broadcast() | Map():
            parts = node.lanes if isinstance(node, Broadcast) else (node.body,)
            yield node.join, node.id
            if node.stage:
                yield node.stage.join, node.id
                parts = (*parts, node.stage.body)
        case Decision():
            parts = (node.odd, node.even)
        case Loop():
            parts = (node.body,)
    for part in parts:
        yield from joins(part)


def own_parents(program: Program) -> dict[str, str]:
    """The parent forks as the program is written: each join belongs to its own fork."""
    return {join.id: fork_id for join, fork_id in joins(program.body)}


def resolved_parents(program: Program) -> dict[str, str]:
    """The parent forks as upstream resolves them when the graph is built."""
    return {str(join): str(fork.fork_id) for join, fork in build(program).parent_forks.items()}


def oracle(program: Program, value: Value) -> Outcome:
    """What a run of `program`, started with `value`, gives.

    Joins that leave their parent fork to the default do not belong to their own fork but to the farthest one, mostly
    the whole run: which one is upstream's choice, so it is read from the graph.

    Raises:
        NoMeaning: If the run would not end exactly once, or takes too long.
    """
    by_default = any(join.parent == "farthest" for join, _ in joins(program.body))
    meaning = Meaning(resolved_parents(program) if by_default else own_parents(program))
    came_out = meaning.run(program.body, [Token(value, ((START, 0),))])
    ends = meaning.ended + [token.value for token in came_out]
    if len(ends) != 1:
        raise NoMeaning(f"{len(ends)} ends")
    return outcome(ends[0], meaning.visits)


# -- Random programs -----------------------------------------------------------------------------


def has_meaning(case: Case) -> bool:
    """Whether the oracle has something to say."""
    try:
        oracle(*case)
    except NoMeaning:
        return False
    return True


def sample(seed: int, mode: Mode = "explicit") -> Case:
    """The program of a seed, and its input: the same in every process."""
    rng = random.Random(f"{mode} {seed}")
    while True:
        case = Generator(with_random(rng), mode).program(f"{mode}_{seed}"), Value(rng.randrange(100))
        if has_meaning(case):
            return case


@st.composite
def any_programs(draw: st.DrawFn, mode: Mode) -> Case:
    """Programs of all sorts."""
    generator = Generator(lambda n: draw(st.integers(0, n - 1)), mode)
    return generator.program(f"{mode}_drawn"), Value(draw(st.integers(0, 99)))


def programs(mode: Mode) -> st.SearchStrategy[Case]:
    """Programs that have a meaning, each with an input, as a hypothesis strategy."""
    return any_programs(mode).filter(has_meaning)
