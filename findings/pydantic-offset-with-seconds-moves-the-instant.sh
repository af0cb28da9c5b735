#!/usr/bin/env bash
# pydantic 2.14.3, pydantic-core 2.50.4
#
# Behaviour: a datetime whose UTC offset has seconds (the local mean time of every zone has, and zoneinfo gives it for the years
#   before standard time: Amsterdam in 1880 is +00:19:32) is written as JSON with the seconds of the offset cut off and the clock time
#   unchanged. What is read back is another instant, up to a minute away, without a warning. isoformat() writes these seconds.
# One would guess: what TypeAdapter(datetime) writes as JSON, it reads as an equal datetime; or it raises.
#
# Seen:
#   1880-01-01T12:00:00+00:19:32 -> "1880-01-01T12:00:00+00:19" moved by 32 s
#   1880-01-01T12:00:00-04:56:02 -> "1880-01-01T12:00:00-04:56" moved by -2 s
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check pydantic==2.14.3 pydantic-core==2.50.4
cat >"$dir/run.py" <<'PY'
from datetime import datetime, timedelta, timezone

from pydantic import TypeAdapter

adapter = TypeAdapter(datetime)
moved = []
for offset in (timedelta(minutes=19, seconds=32), -timedelta(hours=4, minutes=56, seconds=2)):
    value = datetime(1880, 1, 1, 12, tzinfo=timezone(offset))
    text = adapter.dump_json(value).decode()
    moved.append((adapter.validate_json(text) - value).total_seconds())
    print(value.isoformat(), "->", text, "moved by", int(moved[-1]), "s")
assert moved == [32, -2], f"it has changed: {moved}"
PY
"$dir/env/bin/python" "$dir/run.py"
