"""The division of a delivery's records: good, quarantined, duplicate, superseded; each is one of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.model import Contract
from shanhai.contracts.schema import DELIVERY, PARTITION
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.ids import DeliveryId
from shanhai.ingest import settle
from shanhai.ingest.contested import LOSERS, create_losers
from shanhai.quality.divided import BROKEN_ROWS, DIVIDED, create_broken
from shanhai.quality.expressions import clean
from shanhai.quality.rules import rules_for

if TYPE_CHECKING:
    import duckdb

_PARQUET = "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 1000"
"""Steps instead of values, and no dictionary of what hardly repeats: smaller, and written faster."""


@dataclass(frozen=True)
class Division:
    """How many rows became what; see `Staging` for the names."""

    good: int
    quarantined: int
    duplicates: int
    superseded: int
    counts: dict[str, int]
    malformed: dict[str, int]
    filled: dict[str, int]
    newest: dict[str, datetime | None]


def divide(
    con: duckdb.DuckDBPyConnection, contract: Contract, delivery: DeliveryId, *, quarantine: Path, good: Path
) -> Division:
    """Write the good rows and the quarantined ones of the table `divided`, and count all.

    Args:
        quarantine: file for the quarantined rows; not made if there are none.
    """
    quarantined = create_broken(con, contract)
    _write_quarantine(con, contract, delivery, quarantine if quarantined else None)
    names = settle.listed(contract.names)
    lost = create_losers(con, contract, f"SELECT rowid AS _row, {names} FROM {DIVIDED} WHERE _was IS NULL")
    return Division(
        good=_write_good(con, contract, delivery, good),
        quarantined=quarantined,
        duplicates=lost.get(settle.DUPLICATE, 0),
        superseded=lost.get(settle.SUPERSEDED, 0),
        counts=_rule_counts(con, contract),
        malformed=dict(
            con.execute(
                f"SELECT _malformed, count(*) FROM {BROKEN_ROWS} WHERE _malformed IS NOT NULL GROUP BY 1"
            ).fetchall()
        ),
        filled=_filled(con, contract),
        newest=_newest(con, contract),
    )


def _write_quarantine(
    con: duckdb.DuckDBPyConnection, contract: Contract, delivery: DeliveryId, target: Path | None
) -> None:
    if target is None:
        return
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
                   _body AS body, _row + 1 AS position, reasons,
                   coalesce(_raw, to_json({{{pairs}}})::VARCHAR) AS raw,
                   {quote_literal(contract.version)} AS contract_version
            FROM {BROKEN_ROWS} ORDER BY _row
        ) TO {quote_literal(target.as_posix())} (FORMAT parquet, COMPRESSION zstd)
        """
    )
    target.chmod(0o600)


def _write_good(
    con: duckdb.DuckDBPyConnection, contract: Contract, delivery: DeliveryId, target: Path
) -> int:
    (written,) = con.execute(
        f"""
        COPY (
            SELECT {settle.listed(contract.names)}, {quote_literal(str(delivery))} AS {DELIVERY},
                   {quote_literal(delivery.partition)} AS {PARTITION}
            FROM {DIVIDED} WHERE _was IS NULL AND rowid NOT IN (SELECT _row FROM {LOSERS})
        ) TO {quote_literal(target.as_posix())} ({_PARQUET})
        """
    ).fetchone() or (0,)
    target.chmod(0o600)
    return int(written)


def _rule_counts(con: duckdb.DuckDBPyConnection, contract: Contract) -> dict[str, int]:
    found = dict(
        con.execute(
            f"SELECT reason, count(*) FROM (SELECT unnest(reasons) AS reason FROM {BROKEN_ROWS}) GROUP BY 1"
        ).fetchall()
    )
    return {rule.name: int(found.get(rule.name, 0)) for rule in rules_for(contract)}


def _filled(con: duckdb.DuckDBPyConnection, contract: Contract) -> dict[str, int]:
    """Texts that are there: in a good row each has a value, in a broken one it may have none."""
    values = ", ".join(f"count({quote_identifier(name)})" for name in contract.names)
    texts = ", ".join(f"count({clean(column)})" for column in contract.columns)
    counted = con.execute(f"SELECT {values} FROM {DIVIDED} WHERE _was IS NULL").fetchone() or ()
    broken = con.execute(f"SELECT {texts} FROM {BROKEN_ROWS} WHERE _malformed IS NULL").fetchone() or ()
    return {
        name: int(good) + int(other)
        for name, good, other in zip(contract.names, counted, broken, strict=True)
    }


def _newest(con: duckdb.DuckDBPyConnection, contract: Contract) -> dict[str, datetime | None]:
    moments = [column.name for column in contract.columns if column.type == "timestamp"]
    if not moments:
        return {}
    greatest = ", ".join(f"epoch_us(max({quote_identifier(name)}))" for name in moments)
    found = con.execute(f"SELECT {greatest} FROM {DIVIDED}").fetchone() or ()
    newest = (None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC) for micros in found)
    return dict(zip(moments, newest, strict=True))
