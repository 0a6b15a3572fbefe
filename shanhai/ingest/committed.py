"""The staging by which a delivery stands in the books; made again from the bytes if its files are lost."""

from __future__ import annotations

from shanhai.errors import FaultError, StoreError
from shanhai.ids import DeliveryId
from shanhai.ingest.archive import kept_contract
from shanhai.ingest.books import Net
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging, read_record
from shanhai.ingest.retention import require_unpurged
from shanhai.ingest.stage import forget_staged_rows, has_good_rows, stage
from shanhai.ingest.terms import Terms


def committed_terms(node: Node, delivery: DeliveryId, net: Net) -> Terms:
    """The contract, as it was then, and the waivers on which the delivery stands in the books.

    Raises:
        ConfigurationError: the contract is no longer in the archive.
        FaultError: the books have rows of the delivery and no staging.
    """
    if net.staged is None:
        raise FaultError("no entry of the delivery names a staging", given=delivery.short)
    return Terms(kept_contract(node, delivery.dataset, net.staged.contract_digest), net.waivers)


def committed_staging(node: Node, delivery: DeliveryId, net: Net) -> Staging:
    """The record of the staging that the books name, with its good rows in place.

    Raises:
        ConfigurationError: files are lost, and so is the contract by which to stage again.
        DeniedError: files are lost, and the bytes were purged.
        StoreError: files are lost, and staging again gives other rows than were booked.
    """
    known = read_record(node, delivery, net.staging, Staging)
    if known is not None and has_good_rows(node, delivery, known):
        # It may be what an earlier attempt has staged again.
        _check_as_booked(delivery, known, net)
        return _as_booked(known, net)
    require_unpurged(delivery, net.purged, "snapshot")
    terms = committed_terms(node, delivery, net)
    staging = stage(node, delivery, terms)
    forget_staged_rows(node.staging(delivery, terms.id))
    _check_as_booked(delivery, staging, net)
    return _as_booked(staging, net)


def _as_booked(staging: Staging, net: Net) -> Staging:
    """With the file of quarantined rows that the books name: after a purge it is another one."""
    if net.staged is None:
        return staging
    named = net.staged.model_dump(include={"quarantine_file", "quarantine_sha256"})
    return staging.model_copy(update=named)


def is_as_booked(staging: Staging, net: Net) -> bool:
    """Whether a staging has the rows that the books say.

    A register of the federation may be another edition by now, though the contract is the same.
    """
    return (staging.rows_in, staging.quarantined) == (net.counts.rows_in, net.counts.quarantined)


def _check_as_booked(delivery: DeliveryId, staging: Staging, net: Net) -> None:
    if not is_as_booked(staging, net):
        booked = (net.counts.rows_in, net.counts.quarantined)
        raise StoreError(
            "the files of a delivery are lost, and staging it again gives other rows than were booked",
            given=f"{delivery.short}: {staging.rows_in} rows, {staging.quarantined} quarantined",
            allowed=f"{booked[0]} rows, {booked[1]} quarantined",
            hint="shanhai replay books it as it is now",
        )
