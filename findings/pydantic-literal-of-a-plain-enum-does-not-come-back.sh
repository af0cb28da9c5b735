#!/usr/bin/env bash
# pydantic 2.14.3, pydantic-core 2.50.4
#
# Behaviour: a field `kind: Literal[Kind.CARD]`, where Kind is a plain Enum with texts as its values, is written as JSON by its value,
#   "card", and cannot be read again: literal_error; a union with discriminator="kind" says union_tag_invalid. The field's JSON
#   schema says "card" as well. The same field with Kind in place of the Literal, and the same Literal with a StrEnum, an IntEnum or a
#   `class Kind(str, Enum)`, is read.
# One would guess: what a model writes as JSON, it reads; and what its JSON schema shows, it takes.
#
# Seen:
#   Enum     {"kind":"card"}  alone: literal_error  in a union: union_tag_invalid
#   StrEnum  {"kind":"card"}  alone: read           in a union: read
#   IntEnum  {"kind":1}       alone: read           in a union: read
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check pydantic==2.14.3 pydantic-core==2.50.4
cat >"$dir/run.py" <<'PY'
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError


def outcome(type_: Any, text: str) -> str:
    try:
        TypeAdapter(type_).validate_json(text)
    except ValidationError as error:
        return error.errors()[0]["type"]
    return "read"


seen = []
for base, card, cash in ((Enum, "card", "cash"), (StrEnum, "card", "cash"), (IntEnum, 1, 2)):
    kinds: Any = base("Kind", {"CARD": card, "CASH": cash})

    class Card(BaseModel):
        kind: Literal[kinds.CARD] = kinds.CARD

    class Cash(BaseModel):
        kind: Literal[kinds.CASH] = kinds.CASH

    either = Annotated[Card | Cash, Field(discriminator="kind")]
    text = Card().model_dump_json()
    shown = Card.model_json_schema()["properties"]["kind"]["const"]
    assert shown == card, f"it has changed: the schema shows {shown!r}"
    seen.append((outcome(Card, text), outcome(either, text)))
    print(f"{base.__name__:8} {text:16} alone: {seen[-1][0]:14} in a union: {seen[-1][1]}")
assert seen == [("literal_error", "union_tag_invalid"), ("read", "read"), ("read", "read")], f"it has changed: {seen}"
PY
"$dir/env/bin/python" "$dir/run.py"
