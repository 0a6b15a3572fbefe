"""Whether rows of a table were settled by other rules than the present one."""

from __future__ import annotations

from shanhai.contracts.model import Contract
from shanhai.errors import ConfigurationError
from shanhai.ingest.archive import kept_contract
from shanhai.ingest.books import NOTES, entries
from shanhai.ingest.node import Node
from shanhai.ingest.settle import has_versions
from shanhai.warehouse.lake import LakeTable


def is_mixed(node: Node, table: LakeTable, contract: Contract) -> bool:
    """Whether rows came into a table under other rules for key, copies and versions than a contract has.

    A load settles its own rows, and those that they meet. A replay settles the whole table, by the contract
    of its entry. A contract that is no longer in the archive counts as another one.
    """
    alike = {contract.digest: True}
    mixed = False
    for _, line in entries(table):
        if not line.contract_digest or line.verdict != "accepted" or line.kind in NOTES:
            continue
        if line.contract_digest not in alike:
            alike[line.contract_digest] = _alike(node, contract, line.contract_digest)
        if not alike[line.contract_digest]:
            mixed = True
        elif line.kind == "replay":
            mixed = False
    return mixed


def _alike(node: Node, contract: Contract, digest: str) -> bool:
    try:
        other = kept_contract(node, contract.dataset, digest)
    except ConfigurationError:
        return False
    return _settles(other, contract) == _settles(contract, other)


def _settles(contract: Contract, other: Contract) -> tuple[object, ...]:
    """What settles rows: where versions compete, also the order of the columns that both contracts have."""
    order = [name for name in contract.names if name in other.names] if has_versions(contract) else []
    return contract.key, contract.duplicates, contract.versions, order
