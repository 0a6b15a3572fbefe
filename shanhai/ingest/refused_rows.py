"""The file of quarantined rows that an entry of the books names: whole, or made again from the bytes."""

from __future__ import annotations

import logging

from shanhai.errors import ConfigurationError, DamagedError, DeniedError, MemoryLimitError
from shanhai.ids import DeliveryId
from shanhai.ingest.aside import staged_aside
from shanhai.ingest.books import Entry, Net, table_net
from shanhai.ingest.committed import committed_terms
from shanhai.ingest.files import sha256_of
from shanhai.ingest.node import Node
from shanhai.ingest.retention import require_unpurged
from shanhai.ingest.stage import place_quarantine
from shanhai.warehouse.lake import LakeTable

log = logging.getLogger(__name__)

_RESTORE = "restore the file from a copy of the home"


def require_refused_rows(node: Node, entry: Entry) -> None:
    """Make sure that the file is there as it was committed; one that is not is made again from the bytes.

    It is staged aside, on the terms of the books, and takes its place only if each of its bytes is the one
    that was committed. What else is staged stays as it is. Of two processes that do so at once the second
    puts the same bytes there.

    Raises:
        DamagedError: it cannot be made again: its texts were purged, its bytes are lost, the contract is
            no longer in the archive, or what is staged now is something else.
        MemoryLimitError: to make it again needs more than a session may use.
        RetryableError: the bytes cannot be read.
    """
    if _is_whole(node, entry):
        return
    delivery, why, hint = DeliveryId.parse(entry.delivery), "staging it again gives another one", _hint(entry)
    try:
        _make_again(node, delivery, entry)
    except MemoryLimitError:
        raise
    except (DamagedError, DeniedError, ConfigurationError) as error:
        why, hint = error.message, _RESTORE
    if not _is_whole(node, entry):
        raise DamagedError(
            f"the quarantine file is not the one that was committed, and is not made again: {why}",
            given=f"{delivery.short}: {entry.quarantine_file}",
            allowed=entry.quarantine_sha256,
            hint=hint,
        )
    log.warning("made again delivery=%s file=%s", delivery.short, entry.quarantine_file)


def _is_whole(node: Node, entry: Entry) -> bool:
    file = node.quarantine / str(entry.quarantine_file)
    return file.is_file() and sha256_of(file) == entry.quarantine_sha256


def _make_again(node: Node, delivery: DeliveryId, entry: Entry) -> None:
    net = _net(node, delivery)
    require_unpurged(delivery, net.purged, "quarantine", "snapshot")
    with staged_aside(node, delivery, committed_terms(node, delivery, net)) as (aside, staging):
        if staging.quarantine_sha256 != entry.quarantine_sha256:
            return
        target = node.quarantine / str(entry.quarantine_file)
        place_quarantine(aside.quarantine / str(staging.quarantine_file), target)
    if "quarantine" in _net(node, delivery).purged:
        # A purge that noted it meanwhile may have removed the files before this one was there.
        target.unlink(missing_ok=True)


def _net(node: Node, delivery: DeliveryId) -> Net:
    table = LakeTable.open(node.table(delivery.dataset), node.logs.get(delivery.dataset))
    return table_net(table)[str(delivery)]


def _hint(entry: Entry) -> str:
    """Only an accepted delivery is replayed."""
    return f"{_RESTORE}, or: shanhai replay" if entry.verdict == "accepted" else _RESTORE
