"""Small fork/join programs, and a generator of random ones.

A program is a tree: steps in a row, broadcasts and maps that join again, decisions whose branches meet again, loops.
Nothing here knows of graphs. ``random_build`` turns a program into a pydantic-graph graph, ``random_graphs`` computes
what it means; both use the arithmetic at the top of this module, so they can only differ in what runs, and how often.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

MODULUS = 1009
"""Every number stays below this one, so that loops cannot blow them up."""


@dataclass(frozen=True)
class Value:
    """What flows along the edges: a number, and the laps that each loop around it has still to run (innermost last)."""

    n: int = 0
    laps: tuple[int, ...] = ()

    def __add__(self, other: "Value") -> "Value":
        """Add the numbers, so that `reduce_sum` takes values; the laps of parallel branches are those of their loop."""
        return Value((self.n + other.n) % MODULUS, max(self.laps, other.laps))


# -- The program ---------------------------------------------------------------------------------

Parent = Literal["explicit", "closest", "farthest"]
"""How a join names its parent fork: by id, or by preference (`farthest` is the default: no word at all)."""

Mode: TypeAlias = Parent
"""The way that the joins of one program prefer."""

Op = Literal["add", "times", "negate", "text"]
Reducer = Literal["sum", "append", "extend", "dict", "mix", "context", "null"]


@dataclass(frozen=True)
class Step:
    """One step of arithmetic. It lets others run `turns` times first, so that branches finish in many orders."""

    id: str
    op: Op
    arg: int = 0
    turns: int = 0


@dataclass(frozen=True)
class Seq:
    """Nodes one after the other."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True)
class Join:
    """Where branches come together. A step `{id}.out` after it turns what was joined back into one value."""

    id: str
    reducer: Reducer
    parent: Parent


@dataclass(frozen=True)
class Stage:
    """An intermediate join: what passes it goes through `body` before it reaches the fork's own join."""

    join: Join
    body: "Node"


@dataclass(frozen=True)
class Broadcast:
    """Every lane gets the value. The first `staged` lanes go through the stage, the others go straight to the join."""

    id: str
    lanes: tuple["Node", ...]
    join: Join
    stage: Stage | None = None
    staged: int = 0


@dataclass(frozen=True)
class Map:
    """`body` runs for each item of a list made from the value. Odd results go through the stage, where there is one.

    `announces` is the map's `downstream_join_id`: that join fires even when the list is empty.
    """

    id: str
    least: int
    most: int
    body: "Node"
    join: Join
    stage: Stage | None = None
    announces: str | None = None


@dataclass(frozen=True)
class Decision:
    """Odd values take `odd`, even ones `even`. `by` type: a step makes an `Odd` or an `Even` of the value first."""

    id: str
    by: Literal["parity", "type"]
    odd: "Node"
    even: "Node"


@dataclass(frozen=True)
class Loop:
    """`body` runs once, and then `laps` times more."""

    id: str
    laps: int
    body: "Node"


@dataclass(frozen=True)
class Leave:
    """Ends the whole run when the number divides by `divisor`. Only where no branch runs in parallel."""

    id: str
    divisor: int


Node: TypeAlias = Step | Seq | Broadcast | Map | Decision | Loop | Leave


@dataclass(frozen=True)
class Program:
    """A whole program; `name` becomes the graph's."""

    name: str
    body: Node


# -- Arithmetic ----------------------------------------------------------------------------------


def apply(step: Step, value: Value) -> Value:
    """What a step makes of its input."""
    match step.op:
        case "add":
            n = value.n + step.arg
        case "times":
            n = value.n * (step.arg + 2) + 1
        case "negate":
            n = MODULUS - value.n
        case "text":
            n = int(str(value.n)[::-1]) + len("x" * step.arg)
    return Value(n % MODULUS, value.laps)


def spread(node: Map, value: Value) -> list[Value]:
    """The list that a map runs over: its length and its items depend on the value."""
    length = node.least + value.n % (node.most - node.least + 1)
    return [Value((value.n + 7 * i) % MODULUS, value.laps) for i in range(length)]


def digest(values: Iterable[Value]) -> Value:
    """One value of many, the same for every order."""
    total = Value()
    for place, value in enumerate(sorted(values, key=lambda v: (v.n, v.laps))):
        total = total + Value((place + 1) * value.n, value.laps)
    return total


def is_odd(value: Value) -> bool:
    """What decisions ask."""
    return value.n % 2 == 1


def enter_loop(loop: Loop, value: Value) -> Value:
    """Write down the laps to run."""
    return Value(value.n, (*value.laps, loop.laps))


def has_laps(value: Value) -> bool:
    """Whether the innermost loop runs again. A join that fired with its initial value forgot: then it does not."""
    return bool(value.laps) and value.laps[-1] > 0


def next_lap(value: Value) -> Value:
    """Count one lap."""
    return Value(value.n, (*value.laps[:-1], value.laps[-1] - 1))


def leave_loop(value: Value) -> Value:
    """Forget the innermost loop."""
    return Value(value.n, value.laps[:-1])


# -- The generator -------------------------------------------------------------------------------

Pick: TypeAlias = Callable[[int], int]
"""`pick(n)` chooses one of 0 … n-1. Small is simple, so that hypothesis shrinks towards simple programs."""

DEPTH = 4
REDUCERS: tuple[Reducer, ...] = ("sum", "append", "extend", "dict", "mix", "context", "null")
OPS: tuple[Op, ...] = ("add", "times", "negate", "text")


def with_random(rng: random.Random) -> Pick:
    """Choose with `random`."""
    return rng.randrange


@dataclass
class Generator:
    """Makes one random program; ids are counted, so each is unique and tells the kind of node."""

    pick: Pick
    mode: Mode
    count: int = 0

    def program(self, name: str) -> Program:
        """A program between the start and the end node."""
        return Program(name, self.node(DEPTH, parallel=False, least_kind=1))

    def new_id(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def step(self) -> Step:
        return Step(self.new_id("s"), OPS[self.pick(len(OPS))], self.pick(6), self.pick(3))

    def node(self, depth: int, *, parallel: bool, least_kind: int = 0) -> Node:
        """Any node, nested at most `depth` deep; `parallel` inside of a fork, where a run must not end."""
        kind = least_kind + self.pick(10 - least_kind) if depth else 0
        match kind:
            case 1 | 2 | 3:
                return self.map(depth - 1, parallel=parallel)
            case 4 | 5:
                return self.broadcast(depth - 1)
            case 6 | 7:
                some = range(2 + self.pick(2))
                return Seq(tuple(self.node(depth - 1, parallel=parallel) for _ in some))
            case 8:
                by: tuple[Literal["parity", "type"], ...] = ("parity", "type")
                branches = [self.node(depth - 1, parallel=parallel) for _ in range(2)]
                return Decision(self.new_id("d"), by[self.pick(2)], *branches)
            case 9 if not parallel and self.pick(3) == 2:
                return Seq((Leave(self.new_id("e"), 5 + self.pick(5)), self.node(depth - 1, parallel=False)))
            case 9:
                return Loop(self.new_id("l"), 1 + self.pick(2), self.node(depth - 1, parallel=parallel))
            case _:
                return self.step()

    def join(self, *, closest_is_own: bool) -> Join:
        # Where a fork inside dominates the join too, `closest` would mean that one: such a join needs the id.
        parent = "explicit" if self.mode == "closest" and not closest_is_own else self.mode
        return Join(self.new_id("j"), REDUCERS[self.pick(len(REDUCERS))], parent)

    def stage(self, depth: int, *, closest_is_own: bool) -> Stage:
        return Stage(self.join(closest_is_own=closest_is_own), self.node(min(depth, 1), parallel=True))

    def broadcast(self, depth: int) -> Broadcast:
        lanes = tuple(self.node(depth, parallel=True) for _ in range(2 + self.pick(2)))
        staged = self.pick(len(lanes) + 1)
        stage = self.stage(depth, closest_is_own=staged > 1 or not passes_fork(lanes[0])) if staged else None
        meets = staged < len(lanes) or stage is None or not passes_fork(stage.body)
        return Broadcast(self.new_id("b"), lanes, self.join(closest_is_own=meets), stage, staged)

    def map(self, depth: int, *, parallel: bool) -> Map:
        body = self.node(depth, parallel=True)
        own = not passes_fork(body)
        stage = self.stage(depth, closest_is_own=own) if self.pick(3) == 2 else None
        join = self.join(closest_is_own=own)
        least = self.pick(2)
        choices = [join.id, stage.join.id if stage else join.id, None if least or parallel else join.id]
        return Map(self.new_id("m"), least, least + self.pick(4), body, join, stage, choices[self.pick(3)])


def passes_fork(node: Node) -> bool:
    """Whether every way through `node` passes one and the same fork."""
    match node:
        case Step() | Leave() | Decision():
            return False
        case Broadcast() | Map():
            return True
        case Seq(nodes):
            return any(passes_fork(n) for n in nodes)
        case Loop(_, _, body):
            return passes_fork(body)
