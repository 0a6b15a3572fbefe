"""The division of a delivery's records: good, quarantined, duplicate, superseded; each is one of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.ids import DeliveryId
from shanhai.ingest import settle
from shanhai.ingest.contested import settle_held
from shanhai.ingest.parting import Parted
from shanhai.ingest.released import RELEASED, create_released, readmit
from shanhai.ingest.waivers import Waivers
from shanhai.quality.divided import BROKEN_ROWS, REASONS, create_broken
from shanhai.quality.expressions import clean
from shanhai.quality.rules import rules_for

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Division:
    """How many rows became what; see `Staging` for the names."""

    good: int
    quarantined: int
    duplicates: int
    superseded: int
    released: int
    counts: dict[str, int]
    malformed: dict[str, int]
    filled: dict[str, int]
    newest: dict[str, datetime | None]


def divide(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    delivery: DeliveryId,
    parted: Parted,
    *,
    quarantine: Path,
    scratch: Path,
    waivers: Waivers = (),
) -> Division:
    """Complete the file of good rows, write the quarantined ones, and count all.

    Args:
        quarantine: file for the quarantined rows and the released ones; not made if there are none.
        scratch: an existing folder.
        waivers: rules that rows may break; then the pass was told.
    """
    released = 0
    if parted.broken.rows:
        create_broken(con, contract, f"read_parquet({quote_literal(parted.broken.path.as_posix())})")
        released = create_released(con, contract, waivers)
    if released:
        readmit(con, contract, parted, scratch)
    lost = settle_held(con, contract, delivery, parted, scratch)
    filled, counts, malformed = parted.filled, Counter[str](), dict[str, int]()
    if parted.broken.rows:
        _write_quarantine(con, contract, delivery, quarantine)
        counts = _rule_counts(con)
        malformed = _malformed(con)
        filled = filled + _filled(con, contract)
    return Division(
        good=parted.good.rows,
        quarantined=parted.broken.rows - released,
        duplicates=lost.get(settle.DUPLICATE, 0),
        superseded=lost.get(settle.SUPERSEDED, 0),
        released=released,
        counts={rule.name: counts[rule.name] for rule in rules_for(contract)},
        malformed=malformed,
        filled={name: filled[name] for name in contract.names},
        newest=parted.newest,
    )


def _write_quarantine(
    con: duckdb.DuckDBPyConnection, contract: Contract, delivery: DeliveryId, target: Path
) -> None:
    target.unlink(missing_ok=True)
    pairs = ", ".join(
        f"{quote_literal(column.source)}: {quote_identifier(column.name)}" for column in contract.columns
    )
    con.execute(
        f"""
        COPY (
            SELECT {quote_literal(str(delivery))} AS delivery,
                   {quote_literal(delivery.dataset.district)} AS district,
                   {quote_literal(delivery.dataset.name)} AS dataset,
                   _body AS body, _row + 1 AS position, {REASONS} AS reasons,
                   _row IN (FROM {RELEASED}) AS released,
                   coalesce(_raw, to_json({{{pairs}}})::VARCHAR) AS raw,
                   {quote_literal(contract.version)} AS contract_version
            FROM {BROKEN_ROWS} ORDER BY _row
        ) TO {quote_literal(target.as_posix())} (FORMAT parquet, COMPRESSION zstd)
        """
    )
    target.chmod(0o600)


def _rule_counts(con: duckdb.DuckDBPyConnection) -> Counter[str]:
    reasons = f"SELECT unnest({REASONS}) AS reason FROM {BROKEN_ROWS}"
    return Counter(dict(con.execute(f"SELECT reason, count(*) FROM ({reasons}) GROUP BY 1").fetchall()))


def _malformed(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(
        con.execute(
            f"SELECT _malformed, count(*) FROM {BROKEN_ROWS} WHERE _malformed IS NOT NULL GROUP BY 1"
        ).fetchall()
    )


def _filled(con: duckdb.DuckDBPyConnection, contract: Contract) -> Counter[str]:
    """Texts that are there in broken rows: some have no value."""
    texts = ", ".join(f"count({clean(column)})" for column in contract.columns)
    counted = con.execute(f"SELECT {texts} FROM {BROKEN_ROWS} WHERE _malformed IS NULL").fetchone() or ()
    return Counter(dict(zip(contract.names, counted, strict=True)))
