"""A table to decode into, and what came out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from plain_contract import plain_contract

from shanhai.contracts.model import Column, Format
from shanhai.ingest.decode import BodyFile, Decoded, Limits, decode

Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Outcome:
    """The result of one decoding and the rows of `raw` in their order."""

    decoded: Decoded
    columns: tuple[str, ...]
    rows: list[Row]

    @property
    def cells(self) -> list[Row]:
        """Contract columns of all records."""
        return [row[:-3] for row in self.rows]

    @property
    def faults(self) -> list[tuple[int, str | None, str | None]]:
        """Position, reason and raw text of the malformed records."""
        return [
            (position, row[-2], row[-1])
            for position, row in enumerate(self.rows, start=1)
            if row[-2] is not None
        ]


Decode = Callable[..., Outcome]


@pytest.fixture
def decoded(tmp_path: Path) -> Decode:
    """Decode bodies given as bytes; columns are called `c1`, `c2` … and have the sources given."""

    def run(
        bodies: bytes | Sequence[bytes],
        stated: Format,
        *sources: str,
        ignored: tuple[str, ...] = (),
        required: tuple[str, ...] = (),
        limits: Limits | None = None,
    ) -> Outcome:
        contract = plain_contract(
            "longyou.samples",
            *(
                Column(name=f"c{number}", source=source, type="string", required=source in required)
                for number, source in enumerate(sources, start=1)
            ),
            level="community",
            format=stated,
            ignored=ignored,
            path=Path("districts/longyou/samples.odcs.yml"),
        )
        work = tmp_path / "work [1]"
        work.mkdir(exist_ok=True)
        files = []
        for number, body in enumerate([bodies] if isinstance(bodies, bytes) else bodies, start=1):
            path = tmp_path / f"body[{number}].bin"
            path.write_bytes(body)
            files.append(BodyFile(f"body-{number}", path))
        with duckdb.connect(str(tmp_path / "staged.duckdb")) as con:
            try:
                result = decode(con, contract, files, work, limits=limits)
            finally:
                assert list(work.iterdir()) == [], "the work folder is left as it was"
            found = con.execute("SELECT rowid, * FROM raw ORDER BY rowid").fetchall()
            assert [row[0] for row in found] == list(range(result.rows)), "rowid is the position of a record"
            names = tuple(column[0] for column in con.execute("DESCRIBE raw").fetchall())
        rows = [row[1:] for row in found]
        assert result.malformed == sum(row[-2] is not None for row in rows)
        return Outcome(result, names, rows)

    return run
