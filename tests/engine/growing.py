"""How the time that something takes grows with its size: what grows with the square of it is found out."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

FACTOR = 8
"""How much larger the second of two sizes is; with the square of it the time would grow 64-fold."""
MOST = 24
"""How much longer that may take: more than eight times, for memory gets slower as it gets larger."""


def seconds(make: Callable[[int], Callable[[], object]], size: int, repeats: int = 3) -> float:
    """The least time of this thread that something took: what `make` returns is measured, and made anew each time."""
    found: list[float] = []
    for _ in range(repeats):
        run = make(size)
        gc.collect()
        gc.disable()
        try:
            began = time.thread_time()
            run()
            found.append(time.thread_time() - began)
        finally:
            gc.enable()
    return min(found)


def growth(make: Callable[[int], Callable[[], object]], size: int) -> float:
    """How many times as long something takes that is `FACTOR` times as large; measured again if it looks bad."""
    ratios: list[float] = []
    for _ in range(3):
        ratios.append(seconds(make, size * FACTOR) / max(seconds(make, size), 1e-4))
        if ratios[-1] < MOST:
            break
    return min(ratios)
