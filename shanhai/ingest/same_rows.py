"""Whether two stagings of a delivery divide its rows alike."""

from __future__ import annotations

from shanhai.contracts.sql import quote_literal
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging
from shanhai.warehouse.session import duckdb_session


def have_same_rows(node: Node, before: Staging | None, after: Staging) -> bool:
    """Whether two stagings of a delivery have the same good rows, and the same ones broken for the same."""
    if before is None or (before.good_sha256, before.filled) != (after.good_sha256, after.filled):
        return False
    if before.quarantine_sha256 == after.quarantine_sha256:
        return True
    if before.quarantine_file is None or after.quarantine_file is None:
        return False
    files = [node.quarantine / before.quarantine_file, node.quarantine / after.quarantine_file]
    if not all(file.is_file() for file in files):
        return False
    one, other = (
        f'SELECT body, "position", reasons, released FROM read_parquet({quote_literal(file.as_posix())})'
        for file in files
    )
    with duckdb_session(node.settings) as con:
        (differ,) = con.execute(
            f"SELECT count(*) FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one}))"
        ).fetchone() or (1,)
    return not differ
