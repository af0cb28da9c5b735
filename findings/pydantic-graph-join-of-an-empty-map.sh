#!/usr/bin/env bash
# pydantic-graph 2.68.0
#
# Behaviour: a map over an empty list, and a join behind it. Unless the edge that maps names the join (downstream_join_id), nothing
#   reaches the join, it does not fire with its initial value, and the whole run ends in a RuntimeError that suspects a bug. With the
#   name given the same graph returns the initial value. A list that is empty one day in a hundred finds it.
# One would guess: a fan-out over nothing is joined to nothing, [], as sum([]) is 0; or the builder asks for the name.
#
# Seen:
#   [1, 2] -> [2, 4]; [] -> RuntimeError; [] with downstream_join_id -> []
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check pydantic-graph==2.68.0
cat >"$dir/run.py" <<'PY'
import asyncio

from pydantic_graph import GraphBuilder, StepContext, reduce_list_append


async def doubled(numbers: list[int], **options: str) -> str:
    g = GraphBuilder(name="doubled", input_type=list[int], output_type=list[int])

    @g.step
    async def double(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs * 2

    join = g.join(reduce_list_append, initial_factory=list[int], node_id="all")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each", **options).to(double),
        g.edge_from(double).to(join),
        g.edge_from(join).to(g.end_node),
    )
    try:
        return str(await g.build().run(inputs=numbers))
    except RuntimeError:
        return "RuntimeError"


async def main() -> None:
    seen = await doubled([1, 2]), await doubled([]), await doubled([], downstream_join_id="all")
    print("[1, 2] -> {}; [] -> {}; [] with downstream_join_id -> {}".format(*seen))
    assert seen == ("[2, 4]", "RuntimeError", "[]"), "it has changed"


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
