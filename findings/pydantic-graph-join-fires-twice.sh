#!/usr/bin/env bash
# pydantic-graph 2.68.0
#
# Behaviour: a join fires before all that its parent fork has started has arrived, and then again, so that what follows runs more than
#   once: when a value is held back in another join further up, and a branch that has nothing to do with either ends at that moment.
#   All parent forks are named here; nothing is left to the default.
# One would guess: a join fires once for each run of its parent fork, with all of its values: here middle = 3 (the count) + 6 (the sum).
#
# Seen:
#   joined once: [9, 1000]; what run() returns: [3, 6, 1000]
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check pydantic-graph==2.68.0
cat >"$dir/run.py" <<'PY'
import asyncio

from pydantic_graph import GraphBuilder, StepContext, reduce_list_append, reduce_sum

g = GraphBuilder(name="twice", input_type=list[int], output_type=list[int])
total = g.join(reduce_sum, initial=0, node_id="total", parent_fork_id="each")
middle = g.join(reduce_sum, initial=0, node_id="middle", parent_fork_id="all")
last = g.join(reduce_list_append, initial_factory=list[int], node_id="last", parent_fork_id="all")


@g.step
async def aside(ctx: StepContext[None, None, list[int]]) -> int:
    return 1000


g.add(
    g.edge_from(g.start_node).broadcast(
        lambda edge: [
            edge.map(fork_id="each").to(total),
            edge.transform(lambda ctx: len(ctx.inputs)).to(middle),
            edge.to(aside),
        ],
        fork_id="all",
    ),
    g.edge_from(total).to(middle),
    g.edge_from(middle, aside).to(last),
    g.edge_from(last).to(g.end_node),
)
seen = sorted(asyncio.run(g.build().run(inputs=[1, 2, 3])))
print("joined once: [9, 1000]; what run() returns:", seen)
assert seen == [3, 6, 1000], "it has changed"
PY
"$dir/env/bin/python" "$dir/run.py" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
