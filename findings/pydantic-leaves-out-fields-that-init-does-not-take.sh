#!/usr/bin/env bash
# pydantic 2.14.3, pydantic-core 2.50.4
#
# Behaviour: of a standard dataclass, TypeAdapter leaves out a field(init=False) that has no default: it is not in the JSON, nor in the
#   schema, without a warning, though the object has it and dataclasses.asdict() gives it. With a default it is written; read again,
#   it is taken, and then __post_init__ makes it anew. So what was set after __init__ is lost either way.
# One would guess: every field of a dataclass is written, and what is read is what was written.
#
# Seen:
#   without a default: asdict {'net': 1, 'gross': 7} JSON {"net":1} read again Order(net=1, gross=2)
#   with a default:    asdict {'net': 1, 'gross': 7} JSON {"net":1,"gross":7} read again Order(net=1, gross=2)
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check pydantic==2.14.3 pydantic-core==2.50.4
cat >"$dir/run.py" <<'PY'
import dataclasses

from pydantic import TypeAdapter


def lost(words: str, gross: object) -> tuple[str, int]:
    def make(order: object) -> None:
        order.gross = order.net * 2

    cls = dataclasses.make_dataclass("Order", [("net", int), ("gross", int, gross)], namespace={"__post_init__": make})
    order = cls(1)
    order.gross = 7
    adapter = TypeAdapter(cls)
    text = adapter.dump_json(order).decode()
    again = adapter.validate_json(text)
    print(f"{words:18} asdict {dataclasses.asdict(order)} JSON {text} read again {again}")
    return text, again.gross


seen = [
    lost("without a default:", dataclasses.field(init=False)),
    lost("with a default:", dataclasses.field(init=False, default=0)),
]
assert seen == [('{"net":1}', 2), ('{"net":1,"gross":7}', 2)], f"it has changed: {seen}"
PY
"$dir/env/bin/python" "$dir/run.py"
