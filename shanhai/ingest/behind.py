"""Which deliveries are behind: in the table, and judged by a contract that said something else of rows."""

from __future__ import annotations

from shanhai.contracts.compatibility import judges_alike
from shanhai.contracts.model import Contract
from shanhai.errors import ConfigurationError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.archive import kept_contract
from shanhai.ingest.books import Net, table_net
from shanhai.ingest.node import Node
from shanhai.ingest.rebuild import in_the_table
from shanhai.warehouse.lake import LakeTable, exists


def behind(node: Node, dataset: DatasetId) -> list[DeliveryId]:
    """The accepted deliveries that another contract may judge otherwise than the present one, in their order.

    Comments, words for people and days of retention leave no delivery behind.

    Raises:
        ContractError: the contract as it is now is wrong.
        RetryableError: the table cannot be read.
    """
    contract = node.federation.contract(dataset)
    if not exists(node.table(dataset)):
        return []
    books = table_net(LakeTable.open(node.table(dataset)))
    digests = {known: digest for known in in_the_table(node, books) if (digest := _digest(books[known]))}
    current = {digest for digest in set(digests.values()) if _judges_alike(node, contract, digest)}
    return [DeliveryId.parse(known) for known, digest in digests.items() if digest not in current]


def is_behind(node: Node, contract: Contract, net: Net) -> bool:
    """Whether an accepted delivery was judged by a contract that may say something else of its rows."""
    digest = _digest(net)
    return bool(digest) and not _judges_alike(node, contract, digest)


def _digest(net: Net) -> str:
    return net.staged.contract_digest if net.staged else ""


def _judges_alike(node: Node, contract: Contract, digest: str) -> bool:
    if digest == contract.digest:
        return True
    try:
        return judges_alike(kept_contract(node, contract.dataset, digest), contract)
    except ConfigurationError:
        return False
