"""All graphs of the corpus, and what they are there for."""

from __future__ import annotations

from collections.abc import Iterable

from tests.conformance.case import Case
from tests.conformance.graphs import decisions, endings, forks, joins, nodes, reducers, sends, states, steps, values

MODULES = (steps, decisions, forks, joins, reducers, endings, nodes, sends, states, values)
CASES: list[Case] = [case for module in MODULES for case in module.CASES]


def features(cases: Iterable[Case]) -> set[str]:
    """The features that some cases use."""
    return {feature for case in cases for feature in case.features}
