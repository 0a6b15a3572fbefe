"""The archive of contracts: each one that something was staged by, under its digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

from shanhai.contracts.load import SUFFIX, load_contract
from shanhai.contracts.model import Contract
from shanhai.errors import ConfigurationError
from shanhai.ids import DatasetId
from shanhai.ingest.files import write_whole
from shanhai.ingest.node import Node


def keep_contract(node: Node, contract: Contract) -> None:
    """Keep the text of a contract; one that is kept already is left as it is.

    Raises:
        ConfigurationError: its file says something else by now.
        StoreError: the home cannot be written.
    """
    file = _file(node, contract.digest)
    if _digest_of(file) == contract.digest:
        return
    if _digest_of(contract.path) != contract.digest:
        raise ConfigurationError(
            "the contract was changed while it was worked with", given=contract.dataset, hint="try again"
        )
    write_whole(file, contract.path.read_text(encoding="utf-8-sig"))


def kept_contract(node: Node, dataset: DatasetId, digest: str) -> Contract:
    """The contract of a dataset as it was when its text had this digest.

    Raises:
        ConfigurationError: it is not in the archive, or can no longer be read.
    """
    file = _file(node, digest)
    shown = file.relative_to(node.home).as_posix()
    if _digest_of(file) != digest:
        raise ConfigurationError(
            f"a contract of {dataset} is not in the archive, or was altered there",
            given=shown,
            allowed=f"the text with sha256 {digest}",
            hint="restore the file from a copy of the home, or from the history of the contract",
        )
    return load_contract(file, shown_as=shown, dataset=dataset)


def _digest_of(file: Path) -> str | None:
    """The digest of a text as contracts have it: without a byte order mark, line ends as they are read."""
    if not file.is_file():
        return None
    return hashlib.sha256(file.read_text(encoding="utf-8-sig").encode()).hexdigest()


def _file(node: Node, digest: str) -> Path:
    return node.home / "contracts" / f"{digest}{SUFFIX}"
