"""Versions: a contract that means something else than the one of the last load says so by its number."""

from __future__ import annotations

from collections.abc import Sequence

from shanhai.contracts.compatibility import check_risen
from shanhai.contracts.model import Contract
from shanhai.ids import DatasetId
from shanhai.ingest.archive import kept_contract
from shanhai.ingest.books import NOTES, lines_of
from shanhai.ingest.node import Node
from shanhai.warehouse.lake import LakeTable
from shanhai.warehouse.log import Commit


def last_contract(node: Node, dataset: DatasetId) -> Contract | None:
    """The contract under which rows last came into a table; None: none did.

    Raises:
        ConfigurationError: it is no longer in the archive.
        StoreError: the table cannot be read.
    """
    place = node.table(dataset)
    if not place.is_dir():
        return None
    digest = LakeTable.open(place, node.logs.get(dataset)).fold(_last_digest, "")
    return kept_contract(node, dataset, digest) if digest else None


def _last_digest(before: str, commits: Sequence[Commit]) -> str:
    digest = before
    for _, line in lines_of(commits):
        # A purge names the staging that it leaves, of a delivery that may have come long ago.
        if line.contract_digest and line.verdict == "accepted" and line.kind not in NOTES:
            digest = line.contract_digest
    return digest


def contract_in_force(node: Node, dataset: DatasetId) -> Contract:
    """The contract of a dataset as it is now, by which what was loaded before may be judged as well.

    Raises:
        NotFoundError: there is none.
        ContractError: its version did not rise enough: nobody has answered for what it changes.
    """
    contract = node.federation.contract(dataset)
    check_version(node, contract)
    return contract


def check_version(node: Node, contract: Contract) -> None:
    """Make sure that a contract may be used beside what was loaded before.

    Raises:
        ContractError: it means something else than the contract of the last load, under a version that is
            the same or rose too little.
    """
    last = last_contract(node, contract.dataset)
    if last is not None and last.digest != contract.digest:
        check_risen(last, contract)
