"""A contract of texts and nothing else, for tests of decoders."""

from __future__ import annotations

from collections.abc import Sequence

from plain_contract import plain_contract

from shanhai.contracts.model import Column, Contract, Format


def samples(stated: Format, sources: Sequence[str]) -> Contract:
    """A contract with the columns `c0`, `c1` and so on, called `sources` in a body of the format."""
    columns = tuple(
        Column(name=f"c{number}", source=source, type="string") for number, source in enumerate(sources)
    )
    return plain_contract("longyou.samples", *columns, level="community", format=stated)
