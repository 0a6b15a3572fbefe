"""What a closer look at a delivery uses, and the beginning of a body as plain bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shanhai.contracts.federation import Federation
from shanhai.contracts.model import Contract
from shanhai.errors import UnreadableError
from shanhai.ingest.decode import BodyFile
from shanhai.ingest.decode.compression import beginning
from shanhai.ingest.records import Staging
from shanhai.settings import Settings

SAMPLE_BYTES = 1 << 20
"""How much of a body is looked at."""
LEAST_ROWS = 3
LEAST_SHARE = 0.005
"""Fewer rows than both are faults of rows, which the quarantine tells; they are no change of the source."""

MUCH_SHARE = 0.1
"""Of a column's rows, or of all; fewer that are wrong in the same way are faults of rows, too."""


@dataclass(frozen=True)
class Look:
    """A delivery that differs, and where to look.

    Attributes:
        bodies: those of its snapshot, as they came.
        work: a folder for files that are gone afterwards.
    """

    settings: Settings
    federation: Federation
    contract: Contract
    staging: Staging
    bodies: Sequence[BodyFile]
    work: Path

    @property
    def sources(self) -> frozenset[str]:
        """The headings that the contract maps."""
        return frozenset(source.strip() for column in self.contract.columns for source in column.sources)

    def is_many(self, rows: int) -> bool:
        """Whether so many rows speak for a change of the source."""
        return rows >= max(LEAST_ROWS, LEAST_SHARE * self.staging.rows_in)

    def is_much(self, rows: int) -> bool:
        """Whether so many rows speak for something that happened to all."""
        return self.is_many(rows) and rows >= MUCH_SHARE * self.staging.rows_in

    def start(self, body: BodyFile) -> bytes:
        """The first bytes of a body, unpacked as far as the contract's packing lets them be."""
        try:
            return beginning(body, self.contract.format, SAMPLE_BYTES)
        except UnreadableError:
            with body.path.open("rb") as stream:
                return stream.read(SAMPLE_BYTES)


def matched(look: Look, headings: Iterable[str]) -> int:
    """How many headings of the contract are among these."""
    return len(look.sources & {heading.strip() for heading in headings})
