"""Stage: a delivery's bytes become good rows and quarantined rows, each accounted for, in bounded memory."""

from __future__ import annotations

import contextlib
import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.model import Contract
from shanhai.contracts.schema import DELIVERY, PARTITION
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.errors import ShanhaiError, StoreError, UnreadableError
from shanhai.ids import DeliveryId
from shanhai.ingest import settle
from shanhai.ingest.decode import BodyFile, Decoded, decode
from shanhai.ingest.files import in_turn, sha256_of
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging, last_record, read_staging, read_validation, save
from shanhai.ingest.sidecar import BodyRef, Sidecar, body_key, sidecar
from shanhai.quality.checked import CHECKED, create_checked, value_of
from shanhai.quality.registers import attach_registers
from shanhai.quality.rules import rules_for, violation
from shanhai.storage.disk import require_room
from shanhai.warehouse.session import duckdb_session

if TYPE_CHECKING:
    import duckdb

log = logging.getLogger(__name__)

MALFORMED = "malformed"
_ROOM_PER_BYTE = 4
"""A snapshot's rows lie decoded in the scratch file and typed in the good file: some times its size."""

GOOD = "good.parquet"
SCRATCH = "staged.duckdb"


def stage(node: Node, delivery: DeliveryId) -> Staging:
    """Divide the rows of a delivery into good, quarantined, duplicate and superseded ones.

    Done again under the same contract, it changes nothing, unless a file is missing or cut off; a second
    process waits for the first. Leaves the good rows in `good.parquet`, the quarantined ones in the
    quarantine folder and every well-formed row in `staged.duckdb` for the check.

    Raises:
        RetryableError: the disk or the store failed, or the kept bytes are not those that were pulled; the
            next try starts afresh.
        ConfigurationError: the contract or a pinned register is wrong.
    """
    contract = node.federation.contract(delivery.dataset)
    folder = node.staged(delivery)
    with in_turn(folder):
        known = read_staging(node, delivery)
        if known is not None and _is_complete(node, delivery, known) and _can_be_checked(node, delivery):
            return known
        return _stage_anew(node, contract, delivery, folder)


def _stage_anew(node: Node, contract: Contract, delivery: DeliveryId, folder: Path) -> Staging:
    source = sidecar(node, delivery)
    require_room(folder, source.size * _ROOM_PER_BYTE + node.settings.free_disk_bytes)
    for stale in (SCRATCH, f"{SCRATCH}.wal", GOOD, "validation.json"):
        (folder / stale).unlink(missing_ok=True)
    with duckdb_session(node.settings) as con:
        # Read once by the check and thrown away: compressing the scratch file would cost more than it saves.
        con.execute("SET force_compression = 'uncompressed'")
        con.execute(f"ATTACH {quote_literal((folder / SCRATCH).as_posix())} AS scratch")
        try:
            decoded = _decode(node, con, contract, source, folder)
        except UnreadableError as error:
            staging = _unreadable(delivery, contract, error)
        else:
            staging = _divide(node, con, contract, delivery, decoded)
        con.execute("DETACH scratch")
    save(node, delivery, staging)
    log.info(
        "stage delivery=%s rows_in=%d good=%d quarantined=%d",
        delivery.short,
        staging.rows_in,
        staging.good,
        staging.quarantined,
    )
    return staging


def kept_staging(node: Node, delivery: DeliveryId) -> Staging:
    """The delivery as it was last staged, by whatever contract; staged now if its files are gone."""
    known = last_record(node, delivery, Staging)
    if known is not None and _is_complete(node, delivery, known):
        return known
    staging = stage(node, delivery)
    (node.staged(delivery) / SCRATCH).unlink(missing_ok=True)
    return staging


def _is_complete(node: Node, delivery: DeliveryId, staging: Staging) -> bool:
    if staging.unreadable is not None:
        return True
    good = staging.good == 0 or _has_rows(node.staged(delivery) / GOOD, staging.good)
    file = staging.quarantine_file
    return good and (file is None or _has_rows(node.quarantine / file, staging.quarantined))


def _has_rows(file: Path, rows: int) -> bool:
    """Whether a Parquet file is there, has its end, and has as many rows as were written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return bool(pq.read_metadata(file).num_rows == rows)
    except (OSError, pa.ArrowInvalid):
        return False


def _can_be_checked(node: Node, delivery: DeliveryId) -> bool:
    """Whether the check is done, or finds the rows that it needs."""
    return read_validation(node, delivery) is not None or (node.staged(delivery) / SCRATCH).is_file()


def _decode(
    node: Node, con: duckdb.DuckDBPyConnection, contract: Contract, source: Sidecar, folder: Path
) -> Decoded:
    with contextlib.ExitStack() as stack:
        bodies = [
            BodyFile(body.name, stack.enter_context(node.snapshots.local_path(body_key(body.sha256))))
            for body in source.bodies
        ]
        for body, file in zip(source.bodies, bodies, strict=True):
            _check_bytes(body, file.path)
        return decode(con, contract, bodies, folder)


def _check_bytes(body: BodyRef, file: Path) -> None:
    """Rows are booked under the digest of their bytes: make sure that it is still theirs."""
    found = sha256_of(file)
    if found != body.sha256:
        raise StoreError(
            "the bytes of a snapshot are not those that were pulled",
            given=f"{body.name}, sha256 {found}",
            allowed=f"sha256 {body.sha256}",
            hint=f"restore the file, or remove it and pull again: {file}",
        )


def _divide(
    node: Node,
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    delivery: DeliveryId,
    decoded: Decoded,
) -> Staging:
    attach_registers(con, contract, node.federation, catalogues=("main", "scratch"))
    create_checked(con, contract, into="scratch")
    _name_broken(con, contract)
    _settle(con, contract)
    quarantine = node.quarantine / f"{delivery.key}-{contract.digest[:12]}.parquet"
    quarantined = _write_quarantine(con, contract, delivery, quarantine)
    good = _write_good(con, contract, delivery, node.staged(delivery) / GOOD)
    lost = dict(con.execute("SELECT why, count(*) FROM losers GROUP BY why").fetchall())
    staging = Staging(
        delivery=str(delivery),
        contract_version=contract.version,
        contract_digest=contract.digest,
        rows_in=decoded.rows,
        good=good,
        quarantined=quarantined,
        duplicates=lost.get(settle.DUPLICATE, 0),
        superseded=lost.get(settle.SUPERSEDED, 0),
        counts=_rule_counts(con, contract),
        malformed=dict(
            con.execute(
                "SELECT _malformed, count(*) FROM raw WHERE _malformed IS NOT NULL GROUP BY 1"
            ).fetchall()
        ),
        filled=_filled(con, contract),
        newest=_newest(con, contract),
        missing=decoded.missing,
        unknown=decoded.unknown,
        unreadable=None,
        quarantine_file=quarantine.name if quarantined else None,
        quarantine_sha256=sha256_of(quarantine) if quarantined else None,
    )
    _balance(staging)
    return staging


def _name_broken(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Name the rules that each broken row breaks; few rows are, so that this may look at their text again."""
    rules = rules_for(contract)
    named = ", ".join(
        f"CASE WHEN {violation(rule, contract)} THEN {quote_literal(rule.name)} END" for rule in rules
    )
    reasons = f"list_filter([{named}], lambda r: r IS NOT NULL)" if rules else "[]::VARCHAR[]"
    con.execute(
        f"""
        CREATE OR REPLACE TABLE broken AS
        SELECT rowid AS _row,
               CASE WHEN _malformed IS NULL THEN {reasons} ELSE ['{MALFORMED}.' || _malformed] END
               AS reasons
        FROM raw
        WHERE _malformed IS NOT NULL OR rowid IN (SELECT _row FROM scratch.{CHECKED} WHERE _broken)
        """
    )


def _settle(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    values = ", ".join(
        f"{value_of(column)} AS {quote_identifier(column.name)}" for column in contract.columns
    )
    con.execute(
        f"CREATE OR REPLACE VIEW typed_rows AS SELECT _row, {values} FROM scratch.{CHECKED} WHERE NOT _broken"
    )
    con.execute(f"CREATE OR REPLACE TABLE losers AS {settle.losers(contract, 'typed_rows', '_row')}")


def _write_quarantine(
    con: duckdb.DuckDBPyConnection, contract: Contract, delivery: DeliveryId, target: Path
) -> int:
    target.unlink(missing_ok=True)
    (count,) = con.execute("SELECT count(*) FROM broken").fetchone() or (0,)
    if not count:
        return 0
    pairs = ", ".join(
        f"{quote_literal(column.source)}: {quote_identifier(column.name)}" for column in contract.columns
    )
    con.execute(
        f"""
        COPY (
            SELECT {quote_literal(str(delivery))} AS delivery,
                   {quote_literal(delivery.dataset.district)} AS district,
                   {quote_literal(delivery.dataset.name)} AS dataset,
                   raw._body AS body, broken._row + 1 AS position, broken.reasons AS reasons,
                   coalesce(raw._raw, to_json({{{pairs}}})::VARCHAR) AS raw,
                   {quote_literal(contract.version)} AS contract_version
            FROM broken JOIN raw ON raw.rowid = broken._row ORDER BY broken._row
        ) TO {quote_literal(target.as_posix())} (FORMAT parquet, COMPRESSION zstd)
        """
    )
    target.chmod(0o600)
    return int(count)


def _write_good(
    con: duckdb.DuckDBPyConnection, contract: Contract, delivery: DeliveryId, target: Path
) -> int:
    columns = ", ".join(quote_identifier(name) for name in contract.names)
    (written,) = con.execute(
        f"""
        COPY (
            SELECT {columns}, {quote_literal(str(delivery))} AS {DELIVERY},
                   {quote_literal(delivery.partition)} AS {PARTITION}
            FROM typed_rows WHERE _row NOT IN (SELECT _row FROM losers)
        ) TO {quote_literal(target.as_posix())} (FORMAT parquet, COMPRESSION zstd)
        """
    ).fetchone() or (0,)
    target.chmod(0o600)
    return int(written)


def _rule_counts(con: duckdb.DuckDBPyConnection, contract: Contract) -> dict[str, int]:
    found = dict(
        con.execute(
            "SELECT reason, count(*) FROM (SELECT unnest(reasons) AS reason FROM broken) GROUP BY 1"
        ).fetchall()
    )
    return {rule.name: int(found.get(rule.name, 0)) for rule in rules_for(contract)}


def _filled(con: duckdb.DuckDBPyConnection, contract: Contract) -> dict[str, int]:
    counted = ", ".join(f"count({quote_identifier(name)})" for name in contract.names)
    counts = con.execute(f"SELECT {counted} FROM scratch.{CHECKED}").fetchone() or ()
    return dict(zip(contract.names, (int(count) for count in counts), strict=True))


def _newest(con: duckdb.DuckDBPyConnection, contract: Contract) -> dict[str, datetime | None]:
    moments = [column for column in contract.columns if column.type == "timestamp"]
    if not moments:
        return {}
    greatest = ", ".join(f"epoch_us(max({value_of(column)}))" for column in moments)
    found = con.execute(f"SELECT {greatest} FROM scratch.{CHECKED}").fetchone() or ()
    newest = (None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC) for micros in found)
    return dict(zip((column.name for column in moments), newest, strict=True))


def _unreadable(delivery: DeliveryId, contract: Contract, error: UnreadableError) -> Staging:
    log.warning(
        "unreadable delivery=%s reason=%s", delivery.short, json.dumps(str(error), ensure_ascii=False)
    )
    return Staging(
        delivery=str(delivery),
        contract_version=contract.version,
        contract_digest=contract.digest,
        rows_in=0,
        good=0,
        quarantined=0,
        duplicates=0,
        superseded=0,
        counts={rule.name: 0 for rule in rules_for(contract)},
        malformed={},
        filled=dict.fromkeys(contract.names, 0),
        newest={},
        missing=(),
        unknown=(),
        unreadable=str(error),
        quarantine_file=None,
        quarantine_sha256=None,
    )


def _balance(staging: Staging) -> None:
    parts = staging.good + staging.quarantined + staging.duplicates + staging.superseded
    if parts != staging.rows_in:
        raise ShanhaiError(
            f"rows were lost or counted twice while staging {staging.delivery}",
            given=f"{parts} = {staging.good} good + {staging.quarantined} quarantined + "
            f"{staging.duplicates} duplicates + {staging.superseded} superseded",
            allowed=staging.rows_in,
        )
