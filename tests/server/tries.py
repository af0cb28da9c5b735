"""How often nodes were tried in this process."""

from __future__ import annotations

from collections import Counter

TRIES: Counter[str] = Counter()
