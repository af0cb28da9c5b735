"""Whether a value is what it was: stricter than `==`."""

from __future__ import annotations

import collections
import re
from datetime import datetime, time, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from pydantic_core import TzInfo


def exactly(value: Any) -> Any:
    """What two values have in common only if nobody can tell them apart: types, order, zones, what was set."""
    return (type(value), _inside(value))


def _inside(value: Any) -> Any:
    if isinstance(value, float | complex):
        return repr(value)
    if isinstance(value, Decimal):
        return value.as_tuple()
    if isinstance(value, ZoneInfo):
        return value.key
    if isinstance(value, datetime | time):
        zone = value.tzinfo
        key = getattr(zone, "key", None)
        naive = value.replace(tzinfo=None)
        # A fixed offset that has no name of its own may be of pydantic's class, which is equal to Python's.
        plain = timezone(zone.utcoffset(None)) if isinstance(zone, TzInfo) else zone
        return repr(naive), value.fold, type(plain), key if key is not None else repr(plain)
    if isinstance(value, collections.deque):
        return value.maxlen, [exactly(item) for item in value]
    if isinstance(value, dict):
        pairs = [(exactly(key), exactly(item)) for key, item in value.items()]
        return getattr(value, "default_factory", None), pairs
    if isinstance(value, list | tuple):
        return tuple(exactly(item) for item in value)
    if isinstance(value, set | frozenset):
        return frozenset(map(exactly, value))
    if isinstance(value, re.Pattern):
        return value.pattern, value.flags
    if isinstance(value, BaseModel):
        fields = {name: exactly(getattr(value, name)) for name in type(value).model_fields}
        return fields, sorted(value.model_fields_set), exactly(value.__pydantic_extra__)
    if hasattr(value, "__dataclass_fields__"):
        return tuple((name, exactly(getattr(value, name))) for name in value.__dataclass_fields__)
    return value
