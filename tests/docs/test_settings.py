"""Settings of a server that the docs name are settings that it has."""

from __future__ import annotations

import mmap
import re

from tests.docs.test_docs import PAGES
from tests.support.process import ROOT
from tests.support.server import DYNAMIC_CONFIG, program

SETTING = re.compile(r"\b(?:frontend|history|limit|matching|system)\.[a-zA-Z][a-zA-Z.]+[a-zA-Z]\b")


def test_the_server_has_them() -> None:
    texts = [page.read_text() for page in PAGES]
    texts += [(ROOT / "deploy" / "temporal" / "dynamicconfig.yaml").read_text(), " ".join(DYNAMIC_CONFIG)]
    named = sorted({name for text in texts for name in SETTING.findall(text)})
    assert len(named) > 15
    with program("temporal").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as server:
        assert [name for name in named if server.find(name.encode()) < 0] == []
