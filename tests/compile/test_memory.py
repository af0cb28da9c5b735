"""Transforms, decisions and reducers that remember something themselves are refused; others are not."""

from __future__ import annotations

import bisect
import contextvars
import functools
import heapq
import itertools
import json
import logging
import operator
import queue
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from pydantic_graph import GraphBuilder, StepContext, reduce_list_append
from temporalio import workflow

from temporal_graph import GraphDefinitionError, NodeOptions, TemporalGraph, step

COUNT = 0
NUMBERS = itertools.count()
CACHE: dict[Any, Any] = {}
SEEN: list[Any] = []
OTHERS: list[Any] = []
WAITING: queue.Queue[Any] = queue.Queue()
STDERR = sys.stderr
LOGGER = logging.getLogger(__name__)
CURRENT: contextvars.ContextVar[Any] = contextvars.ContextVar("current")


def counts_globally(ctx: Any) -> Any:
    """Writes to a global."""
    global COUNT
    COUNT += 1
    return ctx.inputs


def uses_up(ctx: Any) -> Any:
    """Uses an iterator of the module."""
    return next(NUMBERS)


def in_a_closure() -> Callable[..., Any]:
    """Writes to a variable around it."""
    count = 0

    def counts(ctx: Any, *more: Any) -> Any:
        nonlocal count
        count += 1
        return count

    return counts


def deeper() -> Callable[..., Any]:
    """The same, in a function of its own."""
    count = 0

    def counts(ctx: Any, *more: Any) -> Any:
        def one() -> None:
            nonlocal count
            count += 1

        one()
        return count

    return counts


def decorated() -> Callable[..., Any]:
    """The same, by a decorator."""
    inner = in_a_closure()

    @functools.wraps(inner)
    def around(*args: Any) -> Any:
        return inner(*args)

    return around


def consuming() -> Callable[..., Any]:
    """Takes from a generator around it."""
    numbers: Iterator[int] = (number for number in range(100))
    return lambda *args: next(numbers)


class Counting:
    """An object that writes to a global when it is called."""

    def __call__(self, ctx: Any, *more: Any) -> Any:
        global COUNT
        COUNT += 1
        return ctx

    def method(self, ctx: Any, *more: Any) -> Any:
        return self(ctx)


class CountingMethod(Counting):
    """The same, by a method."""

    def method(self, ctx: Any, *more: Any) -> Any:
        return Counting.__call__(self, ctx)


class Box:
    """Holds a count."""

    count = 0
    inner: Any = None


def counts_in_an_attribute(ctx: Any) -> Any:
    """Counts in a class of the module."""
    Box.count += 1
    return ctx.inputs


def counts_in_an_item(ctx: Any) -> Any:
    """Counts in a dict of the module."""
    CACHE["count"] += 1
    return ctx.inputs


def counts_deeper(ctx: Any) -> Any:
    """Counts in an object that is in another one."""
    Box.inner.counts[ctx] -= 1
    return ctx.inputs


def counting_in_a_closure() -> Callable[..., Any]:
    """Counts in a list around it."""
    count = [0]

    def counts(ctx: Any, *more: Any) -> Any:
        count[0] += 1
        return count[0]

    return counts


def assigns_an_item(ctx: Any) -> Any:
    """Writes to a dict of the module."""
    CACHE["last"] = ctx
    return CACHE["last"]


def assigns_an_attribute(ctx: Any) -> Any:
    """Writes to a class of the module."""
    Box.inner = ctx
    return Box.inner


def deletes(ctx: Any) -> Any:
    """Takes away from a dict of the module."""
    del CACHE[ctx]
    return ctx


def slices(ctx: Any) -> Any:
    """Writes to a part of a list of the module."""
    SEEN[1:2] = [ctx]
    return SEEN[0]


def appends(ctx: Any) -> Any:
    """Changes a list of the module."""
    SEEN.append(ctx)
    return len(SEEN)


def appends_to_a_part(ctx: Any) -> Any:
    """Changes a list that is in a dict of the module."""
    CACHE["seen"].append(ctx)
    return ctx


def by_another_name(ctx: Any) -> Any:
    """Changes a list of the module, which it has given another name."""
    mine = SEEN
    mine.append(ctx)
    return ctx


def by_another_name_in_place(ctx: Any) -> Any:
    """Makes a list of the module longer, which it has given another name."""
    mine = SEEN
    mine += [ctx]
    return ctx


def in_a_loop_through_it(ctx: Any) -> Any:
    """Changes the lists in a list of the module."""
    for row in SEEN:
        row.append(ctx)
    return ctx


def by_a_method_of_the_class(ctx: Any) -> Any:
    """Changes a list of the module by the class's method."""
    list.append(SEEN, ctx)
    return ctx


def by_an_operator(ctx: Any) -> Any:
    """Changes a dict of the module by the function of an operator."""
    operator.setitem(CACHE, "last", ctx)
    return ctx


def past_the_class(ctx: Any) -> Any:
    """Writes to a class of the module, whatever that thinks of it."""
    object.__setattr__(TRACKER, "count", ctx)
    return ctx


def by_a_method_as_a_value(ctx: Any) -> Any:
    """Changes a list of the module by a method that it hands on."""
    return sum(1 for _ in map(SEEN.append, [ctx]))


def by_a_function(ctx: Any) -> Any:
    """Changes a list of the module by a function of Python's."""
    heapq.heappush(SEEN, ctx)
    return SEEN[0]


def in_order(ctx: Any) -> Any:
    """Puts into a list of the module, in its place."""
    bisect.insort(SEEN, ctx)
    return ctx.inputs


def past_its_attributes(ctx: Any) -> Any:
    """Changes an object of the module by its dict."""
    vars(TALLY)["count"] = 1
    return ctx.inputs


class Tally:
    """Counts by an operator of its own."""

    count = 0

    def __iadd__(self, more: int) -> Tally:
        self.count += more
        return self


TALLY = Tally()


def in_place_by_its_own_operator(ctx: Any) -> Any:
    """Changes an object of the module that it has by another name."""
    tally = TALLY
    tally += 1
    return ctx.inputs


def sets_an_attribute(ctx: Any) -> Any:
    """Writes to a class of the module by a function of Python's."""
    setattr(Box, "inner", ctx)  # noqa: B010
    return ctx


def on_itself(ctx: Any) -> Any:
    """Writes to an attribute of its own."""
    on_itself.count = getattr(on_itself, "count", 0) + 1  # type: ignore[attr-defined]
    return on_itself.count  # type: ignore[attr-defined]


def by_default(ctx: Any, seen: list[Any] = []) -> Any:  # noqa: B006
    """Changes a default."""
    seen.append(ctx)
    return len(seen)


def by_a_named_default(ctx: Any, *, seen: set[Any] = set()) -> Any:  # noqa: B006
    """The same."""
    seen.add(ctx)
    return len(seen)


def helper(ctx: Any) -> Any:
    """Changes a list of the module."""
    SEEN.append(ctx)
    return ctx


def by_a_helper(ctx: Any) -> Any:
    """Calls a function that does."""
    return deeper_helper(ctx)


def deeper_helper(ctx: Any) -> Any:
    """Calls it."""
    return helper(ctx)


def noting(seen: list[Any], item: Any) -> Any:
    """Changes what it is given."""
    seen.append(item)
    return item


def gives_to_a_helper(ctx: Any) -> Any:
    """Gives a list of the module to a function that changes it."""
    return noting(SEEN, ctx)


def gives_its_own(ctx: Any, *more: Any) -> Any:
    """Gives a list of its own to a function that changes it."""
    return noting([], noting(list(SEEN), ctx))


class Tracker:
    """Remembers what it has seen."""

    shared: Any = None

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.count = 0

    def __call__(self, ctx: Any, *more: Any) -> Any:
        self.seen.append(ctx)
        return len(self.seen)

    def note(self, ctx: Any, *more: Any) -> Any:
        self.count += 1
        return self.count

    @classmethod
    def note_all(cls, ctx: Any) -> Any:
        cls.shared = ctx
        return ctx

    def read(self, ctx: Any, *more: Any) -> Any:
        own = Tracker()
        own.count += 1
        own.seen.append(ctx)
        return self.count


TRACKER = Tracker()


def by_an_object(ctx: Any) -> Any:
    """Calls a method of an object of the module."""
    return TRACKER.note(ctx)


def by_a_class_method(ctx: Any) -> Any:
    """Calls a method of a class of the module."""
    return Tracker.note_all(ctx)


def by_an_object_that_is_called(ctx: Any) -> Any:
    """Calls an object of the module."""
    return TRACKER(ctx)


def by_a_context_variable(ctx: Any) -> Any:
    """Sets a context variable."""
    CURRENT.set(ctx)
    return ctx


def counts_in_its_own(ctx: Any, *more: Any) -> Any:
    """Counts in objects of its own, and in what it is given."""
    numbers, box = [0], type("Own", (), {"count": 0})
    numbers[0] += 1
    box.count += len(CACHE) if CACHE else Box.count
    ctx.count += 1
    ctx[Box.count] += CACHE["count"]
    numbers[0 if CACHE else 1] += Box.count
    return ctx


def in_what_a_dict_has(ctx: Any) -> Any:
    """Changes the lists in a dict of the module."""
    for seen in CACHE.values():
        seen.append(ctx)
    return ctx


def in_the_pairs_of_a_dict(ctx: Any) -> Any:
    """The same, by its items."""
    for key, (_, seen) in CACHE.items():
        seen.append(key)
    return ctx


def in_what_it_gets(ctx: Any) -> Any:
    """The same, by get()."""
    CACHE.get("seen", []).append(ctx)
    return ctx


def one_of_two(ctx: Any) -> Any:
    """Changes one list of the module or another one."""
    mine = SEEN if ctx else OTHERS
    mine.append(ctx)
    return ctx


def by_name(ctx: Any) -> Any:
    """Gives a list of the module to a helper, by name."""
    return noting_in(part=ctx, seen=SEEN)


def noting_in(seen: list[Any], part: Any) -> Any:
    seen.append(part)
    return len(seen)


@functools.lru_cache
def cached_helper(given: Any) -> Any:
    """Is called for some of what it gets only, and writes to the module."""
    SEEN.append(given)
    return given


def by_a_cache(ctx: Any) -> Any:
    """Calls a function that keeps what it returns, and does more."""
    return cached_helper(str(ctx))


def in_a_queue(ctx: Any) -> Any:
    """Puts something into a queue of the module."""
    WAITING.put(ctx)
    return WAITING.qsize()


def draws(ctx: Any) -> Any:
    """Draws a random number."""
    return random.randint(1, 6)


def draws_from_its_own(numbers: random.Random) -> Callable[..., Any]:
    """The same, from a generator around it."""
    return lambda ctx: numbers.random()


class Numbering:
    """Has numbers of its own."""

    total = 0

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self.given = 0

    def take(self, ctx: Any) -> Any:
        return next(self._numbers)

    @property
    def next(self) -> int:
        self.given += 1
        return self.given

    def read(self, ctx: Any) -> Any:
        return self.next

    def count(self, ctx: Any) -> Any:
        type(self).total += 1
        return self.total


REMEMBERS: dict[str, tuple[Callable[..., Any], str]] = {
    "global": (counts_globally, "writes to the global 'COUNT'"),
    "values": (in_what_a_dict_has, "changes 'CACHE', an object around it, by .append"),
    "items": (in_the_pairs_of_a_dict, "changes 'CACHE'"),
    "get": (in_what_it_gets, "changes 'CACHE'"),
    "one_of_two": (one_of_two, "changes '(SEEN|OTHERS)'"),
    "by_name": (by_name, r"calls noting_in\(\), which changes 'SEEN'"),
    "by_a_cache": (by_a_cache, r"calls cached_helper\(\), which changes 'SEEN'"),
    "cached_itself": (functools.cache(appends), "changes 'SEEN'"),
    "queue": (in_a_queue, r"changes 'WAITING', an object around it, by .put\(\)"),
    "random": (draws, r"changes 'random', an object around it, by .randint\(\)"),
    "own_random": (draws_from_its_own(random.Random(1)), "changes 'numbers', an object around it, by .random"),
    "own_iterator": (Numbering().take, "uses up 'self', by its iterator ._numbers"),
    "property": (Numbering().read, r"calls Numbering.next\(\), which counts in 'self'"),
    "type": (Numbering().count, "counts in 'self'"),
    "global_iterator": (uses_up, "uses up 'NUMBERS', an iterator"),
    "closure": (in_a_closure(), r"writes to 'count', a variable around it \(nonlocal\)"),
    "deeper": (deeper(), "writes to 'count'"),
    "decorated": (decorated(), "writes to 'count'"),
    "generator": (consuming(), "uses up 'numbers'"),
    "attribute": (counts_in_an_attribute, "counts in 'Box', an object around it"),
    "item": (counts_in_an_item, "counts in 'CACHE'"),
    "inside": (counts_deeper, "counts in 'Box'"),
    "list": (counting_in_a_closure(), "counts in 'count'"),
    "object": (Counting(), "writes to the global 'COUNT'"),
    "method": (CountingMethod().method, r"calls Counting.__call__\(\), which writes to the global 'COUNT'"),
    "assigns_item": (assigns_an_item, "writes to 'CACHE', an object around it"),
    "assigns_attribute": (assigns_an_attribute, "writes to 'Box'"),
    "deletes": (deletes, "writes to 'CACHE'"),
    "slices": (slices, "writes to 'SEEN'"),
    "appends": (appends, r"changes 'SEEN', an object around it, by .append\(\)"),
    "part": (appends_to_a_part, "changes 'CACHE'"),
    "cached": (lambda ctx: CACHE.setdefault(str(ctx), ctx), "changes 'CACHE', an object around it, by .setdefault"),
    "another_name": (by_another_name, "changes 'SEEN'"),
    "another_name_in_place": (by_another_name_in_place, r"changes 'SEEN', an object around it, by \+="),
    "loop": (in_a_loop_through_it, r"changes 'SEEN', an object around it, by .append\(\)"),
    "class_method": (by_a_method_of_the_class, r"changes 'SEEN', an object around it, by append\(\)"),
    "operator": (by_an_operator, r"changes 'CACHE', an object around it, by setitem\(\)"),
    "past_the_class": (past_the_class, r"changes 'TRACKER', an object around it, by __setattr__\(\)"),
    "handed_on": (by_a_method_as_a_value, "changes 'SEEN'"),
    "insort": (in_order, r"changes 'SEEN', an object around it, by insort"),
    "vars": (past_its_attributes, "writes to 'TALLY', an object around it"),
    "own operator": (in_place_by_its_own_operator, r"changes 'TALLY', an object around it, by \+="),
    "heappush": (by_a_function, r"changes 'SEEN', an object around it, by heappush\(\)"),
    "setattr": (sets_an_attribute, r"changes 'Box', an object around it, by setattr\(\)"),
    "itself": (on_itself, "writes to 'on_itself'"),
    "default": (by_default, "changes 'seen', a default that all its calls share"),
    "named_default": (by_a_named_default, "changes 'seen', a default that all its calls share"),
    "helper": (by_a_helper, r"calls helper\(\), which changes 'SEEN'"),
    "given": (gives_to_a_helper, r"calls noting\(\), which changes 'SEEN'"),
    "callable": (Tracker(), "changes 'self', the object that it is of"),
    "bound": (Tracker().note, "counts in 'self', the object that it is of"),
    "object_around": (by_an_object, r"calls Tracker.note\(\), which counts in 'TRACKER'"),
    "class_around": (by_a_class_method, r"calls Tracker.note_all\(\), which writes to 'Tracker'"),
    "called_object": (by_an_object_that_is_called, r"calls Tracker.__call__\(\), which changes"),
    "context_variable": (by_a_context_variable, "changes 'CURRENT'"),
    "bound_argument": (functools.partial(noting, SEEN), "changes 'seen', an object that it is given each time"),
    "partial": (functools.partial(in_a_closure(), 1), "writes to 'count'"),
}


def own_variable(ctx: Any, *more: Any) -> Any:
    """Has a variable of its own that a function in it writes to."""
    count = 0

    def one() -> None:
        nonlocal count
        count += 1

    one()
    return ctx


def logs(ctx: Any, *more: Any) -> Any:
    """Writes a log."""
    LOGGER.info("got %s", ctx)
    return json.loads(json.dumps(ctx))


def with_objects_of_its_own(ctx: Any, *more: Any) -> Any:
    """Changes copies, what it is given, and what is made anew."""
    seen, counts = list(SEEN), dict(CACHE)
    seen.append(ctx)
    copied, rest, inner = SEEN[:], SEEN[1:], CACHE["seen"][:-1]
    copied.append(ctx)
    rest.append(ctx)
    inner.append(ctx)
    SEEN[:].append(ctx)
    print(copied, file=STDERR)
    counts["last"] = ctx
    part = SEEN
    part = [*part, ctx]
    part.append(ctx)
    ctx.state.seen.append(ctx)
    ctx.state.last = counts.setdefault("last", 1)
    ctx.inputs["x"] = [each.upper() for each in SEEN]
    for each in seen:
        each.count = 1
    for item in [*SEEN]:
        item.append(ctx)
    total = counts["last"]
    for each in SEEN:
        total += each
        names = [each]
        names += [ctx]
    both = sorted(SEEN)
    both += [total]
    list.append(both, ctx)
    return noting(part, Tracker().note(ctx))


def with_a_default(ctx: Any, *more: Any, seen: list[Any] | None = None, names: tuple[str, ...] = ()) -> Any:
    """Has defaults that nothing is written to."""
    if seen is None:
        seen = []
    seen.append(ctx)
    return [*seen, *names]


def with_what_is_in_a_dict(ctx: Any, *more: Any) -> Any:
    """Makes its own of what is in a dict of the module."""
    found: dict[Any, list[Any]] = {}
    for key, seen in CACHE.items():
        found.setdefault(key, []).extend(seen)
        mine = seen[:]
        mine.append(ctx)
    for own in found.values():
        own.append(ctx)
    found.get("seen", []).append(ctx)
    both = list(SEEN) if ctx else OTHERS[:]
    both.append(noting_in(seen=[], part=ctx))
    first, *rest = SEEN or [0]
    rest.append(first)
    count = CACHE.get("count", 0)
    count += 1
    other = type(PLAIN)()
    other.seen.append(count)
    numbers, waiting = random.Random(len(found)), queue.SimpleQueue[Any]()
    waiting.put(numbers.random())
    return [PLAIN.last, both, rest, waiting.get()]


class Asleep:
    """A proxy of what is there only later, as of a web framework: it does not even say what it is."""

    def _wake(self, *args: Any) -> Any:
        raise RuntimeError("outside of its context")

    __class__: Any = property(_wake)
    __getattribute__ = __call__ = __iter__ = __next__ = __len__ = __bool__ = __repr__ = _wake


ASLEEP: Any = Asleep()
HELD = {"asleep": ASLEEP}


class Holding:
    asleep = ASLEEP


def with_a_proxy(ctx: Any, *more: Any) -> Any:
    """Would use one."""
    return ctx or ASLEEP.thing or HELD["asleep"].thing or Holding.asleep.thing


def with_a_proxy_around() -> Callable[..., Any]:
    """Holds one."""
    asleep = ASLEEP
    return lambda ctx, *more: ctx or asleep.thing


def with_a_class_of_its_own(ctx: Any, *more: Any) -> Any:
    """Makes classes."""

    class Pair(NamedTuple):
        first: Any
        second: Any = None

    class Seen:
        items: list[Any] = []  # noqa: RUF012
        items.append(1)
        count = 0
        count += 1

    return Pair(ctx, [Seen.items, Seen.count])


class Plain:
    """Gives a copy of what it holds."""

    def __init__(self) -> None:
        self.seen = [1]

    @property
    def last(self) -> Any:
        seen = sorted(self.seen)
        return seen.pop()


PLAIN = Plain()


def only_once(ctx: Any, *more: Any) -> Any:
    """Counts only where it does not run again."""
    if not workflow.unsafe.is_replaying():
        CACHE["count"] += 1
    return ctx


def reading() -> Callable[..., Any]:
    """Reads what is around it, itself too."""
    factor = 2

    def double(ctx: Any, *more: Any) -> Any:
        return ctx * factor if factor else double(ctx)

    return double


COMPUTES: dict[str, Callable[..., Any]] = {
    "own_variable": own_variable,
    "own_objects": counts_in_its_own,
    "reading": reading(),
    "logs": logs,
    "copies": with_objects_of_its_own,
    "gives_its_own": gives_its_own,
    "with_a_default": with_a_default,
    "in_a_dict": with_what_is_in_a_dict,
    "only_once": only_once,
    "proxy": with_a_proxy,
    "proxy_around": with_a_proxy_around(),
    "classes": with_a_class_of_its_own,
    "method": Tracker().read,
    "lru_cache": functools.lru_cache(lambda *args: args[0]),
}


async def same(ctx: StepContext[None, None, Any]) -> Any:
    """Gives back what it gets."""
    return ctx.inputs


def with_transform(function: Any) -> TemporalGraph:
    """A graph with a transform."""
    g = GraphBuilder(name="memory", input_type=Any, output_type=Any)
    step = g.step(same, node_id="same")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).transform(function).to(g.end_node))
    return TemporalGraph(g.build())


def with_reducer(function: Any) -> TemporalGraph:
    """A graph with a reducer."""
    g = GraphBuilder(name="memory", input_type=list[int], output_type=Any)
    step = g.step(same, node_id="same")
    join = g.join(function, initial=0, node_id="sum")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(step),
        g.edge_from(step).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build())


def with_decision(function: Any) -> TemporalGraph:
    """A graph with a decision."""
    g = GraphBuilder(name="memory", input_type=Any, output_type=Any)
    step = g.step(same, node_id="same")
    g.add(
        g.edge_from(g.start_node).to(g.decision(node_id="which").branch(g.match(Any, matches=function).to(step))),
        g.edge_from(step).to(g.end_node),
    )
    return TemporalGraph(g.build())


def with_initial(function: Any) -> TemporalGraph:
    """A graph with a join's first value."""
    g = GraphBuilder(name="memory", input_type=list[int], output_type=Any)
    step = g.step(same, node_id="same")
    join = g.join(reduce_list_append, initial_factory=function, node_id="sum")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(step),
        g.edge_from(step).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build())


@pytest.mark.parametrize("kind", REMEMBERS)
def test_what_remembers_is_refused(kind: str) -> None:
    function, says = REMEMBERS[kind]
    with pytest.raises(
        GraphDefinitionError, match=f"The transform on 'same' of graph 'memory' {says}.*ctx.state.*functools.cache"
    ):
        with_transform(function)
    with pytest.raises(GraphDefinitionError, match=f"A branch of decision 'which' of graph 'memory' {says}"):
        with_decision(function)
    with pytest.raises(GraphDefinitionError, match=f"The reducer of join 'sum' of graph 'memory' .*{says}"):
        with_reducer(_of_two(function))
    with pytest.raises(GraphDefinitionError, match=f"The initial_factory of join 'sum' of graph 'memory' {says}"):
        with_initial(function)


def _of_two(function: Any) -> Any:
    def reduce(current: int, value: int) -> int:
        return function(current)

    return reduce


@pytest.mark.parametrize("kind", COMPUTES)
def test_what_only_computes_is_not(kind: str) -> None:
    function = COMPUTES[kind]
    with_transform(function)
    with_decision(function)
    with_reducer(_of_two(function))


@pytest.mark.parametrize("kind", COMPUTES)
def test_a_node_in_the_workflow_that_only_computes_is_not(kind: str) -> None:
    with_node(COMPUTES[kind], "workflow")


def test_a_node_in_the_workflow_that_remembers_is_refused() -> None:
    for function in (appends, by_a_helper, counts_globally, in_a_closure()):
        with pytest.raises(GraphDefinitionError, match="Node 'act', which has execution='workflow', of graph 'memory'"):
            with_node(function, "workflow")
        with_node(function, "activity")
        with_node(function, "local")


def test_what_a_node_in_the_workflow_calls_as_an_activity_may_remember() -> None:
    async def asks(ctx: StepContext[None, None, Any]) -> Any:
        return await step(remembers, ctx.inputs)

    async def remembers(given: str) -> str:
        SEEN.append(given)
        return given

    g = GraphBuilder(name="memory", input_type=str, output_type=Any)
    node = g.step(asks, node_id="act")
    g.add(g.edge_from(g.start_node).to(node), g.edge_from(node).to(g.end_node))
    TemporalGraph(g.build(), options=NodeOptions(execution="workflow"), steps=[remembers])


def with_node(function: Callable[..., Any], execution: Any) -> TemporalGraph:
    async def act(ctx: StepContext[None, None, Any]) -> Any:
        return function(ctx)

    g = GraphBuilder(name="memory", input_type=Any, output_type=Any)
    node = g.step(act, node_id="act")
    g.add(g.edge_from(g.start_node).to(node), g.edge_from(node).to(g.end_node))
    return TemporalGraph(g.build(), options=NodeOptions(execution=execution))
