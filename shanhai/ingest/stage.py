"""Stage: a delivery's bytes become good rows and quarantined rows, each accounted for, in bounded memory."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_literal
from shanhai.errors import ShanhaiError, StoreError, UnreadableError
from shanhai.ids import DeliveryId
from shanhai.ingest.decode import BodyFile, Decoded, decode, read_in_place
from shanhai.ingest.division import divide
from shanhai.ingest.files import in_turn, sha256_of
from shanhai.ingest.node import Node
from shanhai.ingest.parting import Parted, part
from shanhai.ingest.records import Staging, last_record, read_staging, read_validation, save
from shanhai.ingest.sidecar import BodyRef, Sidecar, body_key, sidecar
from shanhai.quality.checked import TEXTS, create_checked
from shanhai.quality.registers import attach_registers
from shanhai.quality.rules import rules_for
from shanhai.storage.disk import disk_errors, require_room
from shanhai.warehouse.session import duckdb_session

if TYPE_CHECKING:
    import duckdb

log = logging.getLogger(__name__)

_ROOM_PER_BYTE = 4
"""A snapshot's rows lie decoded in the scratch file and typed in the good file: some times its size."""

GOOD = "good.parquet"
SCRATCH = "staged.duckdb"
_FOR_THE_CHECK = "staged.*"
_PARTING = "parting-"


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
    forget_staged_rows(folder)
    for stale in (GOOD, "validation.json"):
        (folder / stale).unlink(missing_ok=True)
    for unfinished in folder.glob(f"{_PARTING}*"):
        shutil.rmtree(unfinished)
    with duckdb_session(node.settings) as con, disk_errors(folder):
        # Read once by the check and thrown away: compressing the scratch file would cost more than it saves.
        con.execute("SET force_compression = 'uncompressed'")
        con.execute(f"ATTACH {quote_literal((folder / SCRATCH).as_posix())} AS scratch")
        con.execute("USE scratch")
        try:
            attach_registers(con, contract, node.federation)
            staging = _divide(node, con, contract, delivery, source)
        except UnreadableError as error:
            staging = _unreadable(delivery, contract, error)
        con.execute("USE memory")
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


def forget_staged_rows(folder: Path) -> None:
    """Remove what staging leaves for the check alone: the scratch file, and the text that it reads."""
    for file in folder.glob(_FOR_THE_CHECK):
        file.unlink(missing_ok=True)


def kept_staging(node: Node, delivery: DeliveryId) -> Staging:
    """The delivery as it was last staged, by whatever contract; staged now if its files are gone."""
    known = last_record(node, delivery, Staging)
    if known is not None and _is_complete(node, delivery, known):
        return known
    staging = stage(node, delivery)
    forget_staged_rows(node.staged(delivery))
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


def _divide(
    node: Node, con: duckdb.DuckDBPyConnection, contract: Contract, delivery: DeliveryId, source: Sidecar
) -> Staging:
    quarantine = node.quarantine / f"{delivery.key}-{contract.digest[:12]}.parquet"
    quarantine.unlink(missing_ok=True)
    with TemporaryDirectory(prefix=_PARTING, dir=node.staged(delivery)) as folder:
        decoded, parted = _take_in(node, con, contract, delivery, source, Path(folder))
        division = divide(con, contract, delivery, parted, quarantine=quarantine, scratch=Path(folder))
        if division.good:
            # Only now: a file with as many rows as an earlier record tells must not be one that is half done.
            parted.good.path.replace(node.staged(delivery) / GOOD)
    staging = Staging(
        delivery=str(delivery),
        contract_version=contract.version,
        contract_digest=contract.digest,
        rows_in=decoded.rows,
        **asdict(division),
        missing=decoded.missing,
        unknown=decoded.unknown,
        unreadable=None,
        quarantine_file=quarantine.name if division.quarantined else None,
        quarantine_sha256=sha256_of(quarantine) if division.quarantined else None,
    )
    _balance(staging)
    return staging


def _take_in(
    node: Node,
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    delivery: DeliveryId,
    source: Sidecar,
    scratch: Path,
) -> tuple[Decoded, Parted]:
    """Part the records of the bodies; meanwhile a thread makes sure that they are those that were pulled."""
    with contextlib.ExitStack() as stack:
        bodies = [
            BodyFile(body.name, stack.enter_context(node.snapshots.local_path(body_key(body.sha256))))
            for body in source.bodies
        ]
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        intact = pool.submit(_check_bodies, source.bodies, bodies)
        try:
            return _read(con, contract, delivery, bodies, node.staged(delivery), scratch)
        finally:
            # Altered bytes explain every other error, so that theirs is the one to be raised.
            intact.result()


def _read(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    delivery: DeliveryId,
    bodies: Sequence[BodyFile],
    folder: Path,
    scratch: Path,
) -> tuple[Decoded, Parted]:
    import duckdb

    good = scratch / GOOD
    found = read_in_place(con, contract, bodies, folder)
    if found is not None:
        expected, blanks = found.decoded.rows, found.blanks
        with contextlib.suppress(duckdb.InvalidInputException, duckdb.NotImplementedException):
            # The second is the parser's word for a line longer than its buffer.
            parted = part(con, contract, delivery, good, scratch, expected=expected, blanks=blanks)
            if parted.rows == expected:
                create_checked(con, contract, blanks=blanks)
                return found.decoded, parted
        con.execute("DROP VIEW raw")
    for text in folder.glob(TEXTS):
        text.unlink()
    decoded = decode(con, contract, bodies, folder)
    create_checked(con, contract)
    return decoded, part(con, contract, delivery, good, scratch, expected=decoded.rows)


def _check_bodies(expected: Sequence[BodyRef], bodies: Sequence[BodyFile]) -> None:
    for body, file in zip(expected, bodies, strict=True):
        _check_bytes(body, file.path)


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
