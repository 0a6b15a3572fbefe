"""A contract of texts and nothing else, for tests of decoders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shanhai.contracts.model import Column, Contract, Format, Source
from shanhai.ids import DatasetId


def samples(stated: Format, sources: Sequence[str]) -> Contract:
    """A contract with the columns `c0`, `c1` and so on, called `sources` in a body of the format."""
    columns = tuple(
        Column(name=f"c{number}", source=source, type="string") for number, source in enumerate(sources)
    )
    return Contract(
        dataset=DatasetId("longyou", "samples"),
        version="1.0.0",
        status="active",
        title="samples",
        level="community",
        share_class="conditional",
        columns=columns,
        source=Source(connector="files", endpoint="portal"),
        format=stated,
        path=Path("samples.odcs.yml"),
        digest="0" * 64,
    )
