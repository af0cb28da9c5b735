"""What a function of `steps` returned and cannot be kept: the error names the function, and not the step around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from temporal_graph.codec import Codec
from temporal_graph.compile.step_functions import LostError, step_functions


@dataclass
class Slip:
    number: int


def charge() -> Any:
    return Slip(1)


def charge_all() -> dict[str, Any]:
    return {"ann": Slip(1)}


def charge_none() -> Any:
    return "\ud800"


@pytest.mark.parametrize(
    ("function", "end"),
    [
        (charge, "can cross there: none. Declare what charge() returns: def charge(...) -> Slip"),
        (charge_all, "can cross there: none. Declare what charge_all() returns: def charge_all(...) -> ..."),
        (charge_none, "surrogates not allowed"),
    ],
)
async def test_what_it_returned_is_not_declared(function: Any, end: str) -> None:
    found = step_functions([function], Codec(), "shop", ())
    with pytest.raises(LostError) as caught:
        await found[function.__name__].call("{}")
    assert str(caught.value).endswith(end)
