"""Stage: a delivery's bytes become good rows and quarantined rows, each accounted for, in bounded memory."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from shanhai.contracts.since import not_given_yet
from shanhai.contracts.sql import quote_literal
from shanhai.errors import FaultError, UnreadableError
from shanhai.ids import DeliveryId
from shanhai.ingest.archive import keep_contract
from shanhai.ingest.division import divide
from shanhai.ingest.files import in_turn, sha256_of
from shanhai.ingest.intake import take_in
from shanhai.ingest.long_texts import LongTexts
from shanhai.ingest.node import Node
from shanhai.ingest.records import (
    Staging,
    forget_validation,
    present_terms,
    read_staging,
    read_validation,
    save,
)
from shanhai.ingest.sidecar import Sidecar, sidecar
from shanhai.ingest.terms import Terms
from shanhai.ingest.versions import check_version
from shanhai.quality.registers import attach_registers
from shanhai.quality.rules import rules_for
from shanhai.storage.disk import disk_errors, require_room
from shanhai.storage.durable import sync_file, sync_folder
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
_REFUSED = "quarantine.parquet"
_TEXTS = "long-texts"


def stage(node: Node, delivery: DeliveryId, terms: Terms | None = None) -> Staging:
    """Divide the rows of a delivery into good, quarantined, duplicate and superseded ones.

    Done again on the same terms, it changes nothing, unless a file is missing or altered; a second process
    waits for the first. Each staging has a folder of its own: what was staged on other terms stays as it is.
    Leaves the good rows in `good.parquet`, the quarantined ones in the quarantine folder and every
    well-formed row in `staged.duckdb` for the check.

    Args:
        terms: by default the contract as it is now.

    Raises:
        RetryableError: the disk or the store failed, or the kept bytes are not those that were pulled; the
            next try starts afresh.
        ConfigurationError: the contract or a pinned register is wrong, or the contract means something else
            than the one of the last load under a version that did not rise enough.
    """
    terms = terms or present_terms(node, delivery)
    with in_turn(node.staged(delivery)):
        known = read_staging(node, delivery, terms)
        if known is None or not is_complete(node, delivery, known):
            return _stage_anew(node, terms, delivery)
        return known if _can_be_checked(node, delivery, terms) else _stage_anew(node, terms, delivery)


def _stage_anew(node: Node, terms: Terms, delivery: DeliveryId) -> Staging:
    """Make everything beside what is there already, which stays until the new is whole."""
    contract, folder = terms.contract, node.staging(delivery, terms.id)
    if contract.digest == node.federation.contract(delivery.dataset).digest:
        check_version(node, contract)
    source = sidecar(node, delivery)
    require_room(folder, source.size * _ROOM_PER_BYTE + node.settings.free_disk_bytes)
    with disk_errors(folder):
        folder.mkdir(exist_ok=True, mode=0o700)
    forget_staged_rows(folder)
    for unfinished in folder.glob(f"{_PARTING}*"):
        shutil.rmtree(unfinished)
    keep_contract(node, contract)
    with disk_errors(folder), TemporaryDirectory(prefix=_PARTING, dir=folder) as beside:
        staging = _staged_beside(node, terms, delivery, source, Path(beside))
        _put_in_place(node, terms, delivery, staging, Path(beside))
    log.info(
        "stage delivery=%s rows_in=%d good=%d quarantined=%d",
        delivery.short,
        staging.rows_in,
        staging.good,
        staging.quarantined,
    )
    return staging


def _staged_beside(node: Node, terms: Terms, delivery: DeliveryId, source: Sidecar, beside: Path) -> Staging:
    with duckdb_session(node.settings) as con:
        # Read once by the check and thrown away: compressing the scratch file would cost more than it saves.
        con.execute("SET force_compression = 'uncompressed'")
        con.execute(f"ATTACH {quote_literal((beside / SCRATCH).as_posix())} AS scratch")
        con.execute("USE scratch")
        try:
            attach_registers(con, terms.contract, node.federation)
            staging = _divide(node, con, terms, delivery, source, beside)
        except UnreadableError as error:
            staging = _unreadable(delivery, terms, error)
        con.execute("USE memory")
        con.execute("DETACH scratch")
    return staging


def _put_in_place(node: Node, terms: Terms, delivery: DeliveryId, staging: Staging, beside: Path) -> None:
    """Let a whole staging take the place of what is there; the record comes last and makes it count.

    The check of an equal staging stays: what was lost was made again, and nothing else is to be found.
    """
    folder = node.staging(delivery, terms.id)
    if staging.quarantine_file is not None:
        place_quarantine(beside / _REFUSED, node.quarantine / staging.quarantine_file)
    if staging != read_staging(node, delivery, terms):
        forget_validation(node, delivery, terms)
    if staging.good:
        (beside / GOOD).replace(folder / GOOD)
    if read_validation(node, delivery, terms) is None:
        (beside / SCRATCH).chmod(0o600)
        # Last but one: where it lies, the texts that it reads lie whole, and so do the rows.
        (beside / SCRATCH).replace(folder / SCRATCH)
    else:
        forget_staged_rows(folder)
    save(node, delivery, staging)
    if not staging.good:
        (folder / GOOD).unlink(missing_ok=True)


def forget_staged_rows(folder: Path) -> None:
    """Remove what a staging leaves for the check alone: the scratch file, and the text that it reads."""
    for file in folder.glob(_FOR_THE_CHECK):
        file.unlink(missing_ok=True)


def is_complete(node: Node, delivery: DeliveryId, staging: Staging) -> bool:
    """Whether the files of a staging are there, byte for byte as they were written."""
    refused = node.quarantine / (staging.quarantine_file or "")
    return has_good_rows(node, delivery, staging) and _is_as_written(
        refused, staging.quarantined + staging.released, staging.quarantine_sha256
    )


def has_good_rows(node: Node, delivery: DeliveryId, staging: Staging) -> bool:
    """Whether the file of good rows is there, byte for byte as it was written."""
    good = node.staging(delivery, staging.staging) / GOOD
    return _is_as_written(good, staging.good, staging.good_sha256)


def _is_as_written(file: Path, rows: int, digest: str | None) -> bool:
    """Whether a Parquet file has the rows and the digest of a record, which can be altered as well."""
    import pyarrow.parquet as pq

    if rows == 0 or digest is None:
        return rows == 0 and digest is None
    return file.is_file() and sha256_of(file) == digest and pq.read_metadata(file).num_rows == rows


def _can_be_checked(node: Node, delivery: DeliveryId, terms: Terms) -> bool:
    """Whether the check is done, or finds the rows that it needs."""
    scratch = node.staging(delivery, terms.id) / SCRATCH
    return read_validation(node, delivery, terms) is not None or scratch.is_file()


def _divide(
    node: Node,
    con: duckdb.DuckDBPyConnection,
    terms: Terms,
    delivery: DeliveryId,
    source: Sidecar,
    beside: Path,
) -> Staging:
    contract = terms.contract
    texts = LongTexts(beside / _TEXTS)
    decoded, parted = take_in(node, con, terms, source, node.staging(delivery, terms.id), beside, texts)
    division = divide(
        con,
        contract,
        delivery,
        parted,
        quarantine=beside / _REFUSED,
        scratch=beside,
        waivers=terms.waivers,
    )
    texts.put_back(beside / _REFUSED)
    refused = sha256_of(beside / _REFUSED) if (beside / _REFUSED).is_file() else None
    not_yet = not_given_yet(contract, source.age, decoded.missing, division.filled)
    staging = Staging(
        delivery=str(delivery),
        staging=terms.id,
        contract_version=contract.version,
        contract_digest=contract.digest,
        waivers=terms.waivers,
        rows_in=decoded.rows,
        **asdict(division),
        missing=tuple(heading for heading in decoded.missing if heading not in not_yet),
        not_yet=not_yet,
        unknown=decoded.unknown,
        unreadable=None,
        good_sha256=sha256_of(beside / GOOD) if division.good else None,
        # With the digest in it: a name in the books never gets another content, whatever library wrote it.
        quarantine_file=f"{delivery.key}-{terms.id}-{refused[:8]}.parquet" if refused else None,
        quarantine_sha256=refused,
    )
    _balance(staging)
    return staging


def place_quarantine(file: Path, target: Path) -> None:
    """Give a file of quarantined rows its place, where it survives a power cut: a commit will name it."""
    sync_file(file)
    file.replace(target)
    sync_folder(target.parent)


def _unreadable(delivery: DeliveryId, terms: Terms, error: UnreadableError) -> Staging:
    log.warning(
        "unreadable delivery=%s reason=%s", delivery.short, json.dumps(str(error), ensure_ascii=False)
    )
    contract = terms.contract
    return Staging(
        delivery=str(delivery),
        staging=terms.id,
        contract_version=contract.version,
        contract_digest=contract.digest,
        waivers=terms.waivers,
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
        good_sha256=None,
        quarantine_file=None,
        quarantine_sha256=None,
    )


def _balance(staging: Staging) -> None:
    parts = staging.good + staging.quarantined + staging.duplicates + staging.superseded
    if parts != staging.rows_in:
        raise FaultError(
            f"rows were lost or counted twice while staging {staging.delivery}",
            given=f"{parts} = {staging.good} good + {staging.quarantined} quarantined + "
            f"{staging.duplicates} duplicates + {staging.superseded} superseded",
            allowed=staging.rows_in,
        )
