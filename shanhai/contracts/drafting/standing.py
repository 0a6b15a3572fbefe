"""Whether a contract says already what is proposed for it."""

from __future__ import annotations

from shanhai.contracts.model import Column, Contract
from shanhai.contracts.proposals import (
    AddCodes,
    AddNullTokens,
    Proposal,
    ReadFullWidth,
    RenameSource,
    RetypeColumn,
    SetFormat,
    StateSince,
    TakeColumn,
)


def stands(contract: Contract, proposal: Proposal) -> bool:
    """Whether nothing is left to change; of a column that the contract no longer has nothing is."""
    match proposal:
        case TakeColumn():
            declared = {source for column in contract.columns for source in column.sources}
            return proposal.heading in declared | set(contract.ignored)
        case SetFormat():
            stated = contract.format.model_dump(mode="json")
            return all(stated.get(key) == value for key, value in proposal.settings.items())
    if proposal.column not in contract.names:
        return True
    return _says(contract.column(proposal.column), proposal)


def _says(column: Column, proposal: Proposal) -> bool:
    match proposal:
        case StateSince():
            return column.since == proposal.since
        case RenameSource():
            return column.source == proposal.source
        case RetypeColumn():
            return (column.type, column.formats) == (proposal.type, proposal.formats)
        case ReadFullWidth():
            return column.full_width
        case AddCodes():
            return set(proposal.codes) <= set(column.codes)
        case AddNullTokens():
            return set(proposal.tokens) <= set(column.null_tokens)
    return False
