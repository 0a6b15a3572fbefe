"""The terms on which a delivery is staged: a contract, and what a person waived of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from shanhai.contracts.model import Contract
from shanhai.ingest.waivers import Waivers, canonical


@dataclass(frozen=True)
class Terms:
    """What decides how the rows of a delivery are divided, and nothing else does."""

    contract: Contract
    waivers: Waivers = ()

    @property
    def id(self) -> str:
        """The name of a staging on these terms: 12 hex digits, of the contract's digest and the waivers."""
        said = f"{self.contract.digest}\n{canonical(self.waivers)}"
        return hashlib.sha256(said.encode()).hexdigest()[:12]
