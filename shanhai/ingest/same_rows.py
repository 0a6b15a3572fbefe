"""In which rows two stagings of a delivery differ, whatever their counts are."""

from __future__ import annotations

from typing import Literal

from shanhai.contracts.sql import quote_literal
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging
from shanhai.warehouse.session import duckdb_session

Rows = Literal["good rows", "refused rows"]


def differing_rows(node: Node, before: Staging, after: Staging) -> tuple[Rows, ...]:
    """Which of the two differ: what good rows say, or which rows are refused and for what.

    Refused rows whose file is lost count as others.
    """
    found: list[Rows] = []
    if (before.good_sha256, before.filled) != (after.good_sha256, after.filled):
        found.append("good rows")
    if before.quarantine_sha256 != after.quarantine_sha256 and _refused_otherwise(node, before, after):
        found.append("refused rows")
    return tuple(found)


def _refused_otherwise(node: Node, before: Staging, after: Staging) -> bool:
    if before.quarantine_file is None or after.quarantine_file is None:
        return True
    files = [node.quarantine / before.quarantine_file, node.quarantine / after.quarantine_file]
    if not all(file.is_file() for file in files):
        return True
    one, other = (
        f'SELECT body, "position", reasons, released FROM read_parquet({quote_literal(file.as_posix())})'
        for file in files
    )
    with duckdb_session(node.settings) as con:
        (differ,) = con.execute(
            f"SELECT count(*) FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one}))"
        ).fetchone() or (1,)
    return bool(differ)
