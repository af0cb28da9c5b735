"""What a worker's payload codec makes of what is sent: how much longer that becomes."""

from __future__ import annotations

import asyncio
import base64
import logging
import random

from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter

from ..engine.sizes import PLAIN, USUAL, Coding

logger = logging.getLogger(__name__)

SAMPLE = 60_000
"""Bytes of letters without a pattern, which hardly any codec makes shorter."""
PATIENCE = 10
"""Seconds that a codec has for it; it may ask for its keys elsewhere."""


async def coding_of(converter: DataConverter) -> Coding:
    """What a data converter's codec makes of payloads, found by giving it two of them.

    A codec is taken to make nothing shorter, and what it adds to be no less than usual: it may treat others otherwise.
    """
    codec = converter.payload_codec
    if codec is None:
        return PLAIN
    try:
        async with asyncio.timeout(PATIENCE):
            short, long = [sum(p.ByteSize() for p in await codec.encode([_sample(n)])) for n in (0, SAMPLE)]
    except Exception as error:
        logger.warning("The payload codec does not take a sample, and is taken for a usual one: %r", error)
        return USUAL
    return Coding(max(USUAL.factor, (long - short) / SAMPLE), max(USUAL.each, short))


def _sample(size: int) -> Payload:
    data = base64.b85encode(random.Random(size).randbytes(size))[:size]
    return Payload(metadata={"encoding": b"json/plain"}, data=b'"' + data + b'"')
