"""The search for garbage is on again after what it was turned off for, however that ends."""

from __future__ import annotations

import gc

import pytest

from temporal_graph.temporal.collecting import without_collecting


@without_collecting
def is_on(error: Exception | None = None) -> bool:
    if error is not None:
        raise error
    return gc.isenabled()


@without_collecting
def both() -> tuple[bool, bool]:
    return is_on(), gc.isenabled()


def test_it_is_off_meanwhile() -> None:
    assert gc.isenabled()
    assert both() == (False, False)
    assert gc.isenabled()
    with pytest.raises(ValueError, match="so"):
        is_on(ValueError("so"))
    assert gc.isenabled()


def test_who_has_turned_it_off_keeps_it_so() -> None:
    gc.disable()
    try:
        assert not is_on()
        assert not gc.isenabled()
    finally:
        gc.enable()
