"""How often nodes were tried in this process; in a module of its own, which no workflow's sandbox loads anew."""

from __future__ import annotations

from collections import Counter

TRIES: Counter[str] = Counter()
