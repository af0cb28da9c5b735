#!/usr/bin/env bash
# pydantic 2.14.3, pydantic-core 2.50.4
#
# Behaviour: bounds are in a type's JSON schema only where they are numbers or lengths. `Field(le=...)` of an int is ("maximum"), the
#   same of a date, a datetime or a timedelta is not; nor are max_digits of a Decimal, whether a datetime must have a time zone
#   (AwareDatetime, NaiveDatetime), and whether a date must be in the past or future. Nothing warns. Two releases of a model can have
#   equal schemas, of which the later refuses what the earlier took, and a form that is made from the schema has no limits.
# One would guess: what a type's JSON schema takes of its own format, the type takes; or that equal schemas are equal contracts.
#
# Seen: the two of each line have the same JSON schema; the first takes the value, and the second refuses it
#   date / at most 2026-01-01: "2027-01-01" less_than_equal
#   datetime / at least 2026-01-01: "2025-12-31T00:00:00" greater_than_equal
#   timedelta / at most a day: "P2D" less_than_equal
#   Decimal / max_digits=3: "12345" decimal_max_digits
#   NaiveDatetime / AwareDatetime: "2026-03-01T12:00:00" timezone_aware
#   date / FutureDate: "2020-01-01" date_future
# and, to compare: int / at most 5 have different ones
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check pydantic==2.14.3 pydantic-core==2.50.4
cat >"$dir/run.py" <<'PY'
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime, Field, FutureDate, NaiveDatetime, TypeAdapter, ValidationError

PAIRS = [
    ("date / at most 2026-01-01", date, Annotated[date, Field(le=date(2026, 1, 1))], '"2027-01-01"'),
    ("datetime / at least 2026-01-01", datetime, Annotated[datetime, Field(ge=datetime(2026, 1, 1))], '"2025-12-31T00:00:00"'),
    ("timedelta / at most a day", timedelta, Annotated[timedelta, Field(le=timedelta(days=1))], '"P2D"'),
    ("Decimal / max_digits=3", Decimal, Annotated[Decimal, Field(max_digits=3)], '"12345"'),
    ("NaiveDatetime / AwareDatetime", NaiveDatetime, AwareDatetime, '"2026-03-01T12:00:00"'),
    ("date / FutureDate", date, FutureDate, '"2020-01-01"'),
]
for words, wide, narrow, text in PAIRS:
    one, other = TypeAdapter(wide), TypeAdapter(narrow)
    assert one.json_schema() == other.json_schema(), f"it has changed: {words}: {one.json_schema()} {other.json_schema()}"
    one.validate_json(text)
    try:
        other.validate_json(text)
    except ValidationError as error:
        print(f"{words}: {text}", error.errors()[0]["type"])
    else:
        raise AssertionError(f"it has changed: {words} takes {text}")
assert TypeAdapter(int).json_schema() != TypeAdapter(Annotated[int, Field(le=5)]).json_schema()
print("and, to compare: int / at most 5 have different ones")
PY
"$dir/env/bin/python" "$dir/run.py"
