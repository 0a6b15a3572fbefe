"""A contract changed as its deliveries changed: proposals become edits of its file, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from shanhai.contracts.compatibility import Change, compare, required_version
from shanhai.contracts.drafting.document import Document, flow
from shanhai.contracts.drafting.page import column_lines
from shanhai.contracts.feeds import feed_parts
from shanhai.contracts.load import load_contract
from shanhai.contracts.model import Column, Contract
from shanhai.contracts.proposals import (
    AddCodes,
    AddNullTokens,
    DropColumn,
    Proposal,
    ReadFullWidth,
    RenameSource,
    RetypeColumn,
    SetFormat,
    StateSince,
    TakeColumn,
)
from shanhai.contracts.shapes import SHAPES
from shanhai.errors import ContractError


@dataclass(frozen=True)
class Amended:
    """A contract as it could be.

    Attributes:
        text: of its file.
        done: what was changed and why, one sentence each.
        left: what no contract can express, likewise.
        changes: from the contract as it is, by level.
    """

    text: str
    contract: Contract
    done: tuple[str, ...]
    left: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Reasoned:
    """A proposal and why it is one, in a sentence without values of people.

    Attributes:
        is_much: whether so many rows speak for it that they are how the source is, and no faults of rows.
    """

    proposal: Proposal
    why: str
    is_much: bool = False


class _ImpossibleError(Exception):
    """No contract can say so; the text tells why."""


def amend(contract: Contract, asked: Sequence[Reasoned], taken: Mapping[str, Column]) -> Amended:
    """The contract with what was proposed, under the version that this needs.

    What would make no valid contract, such as a code without a meaning in a shape, is left.

    Args:
        taken: heading → column, of headings that are to be declared.
    """
    document = Document(contract.path.read_text(encoding="utf-8-sig"))
    done, left = [], []
    for one in asked:
        before = deepcopy(document)
        try:
            where, told = _apply(document, contract, one, taken)
            _loaded(document.written(), contract)
        except (_ImpossibleError, ContractError) as error:
            document = before
            left.append(f"{one.why}: {_reason(error)}")
            continue
        document.note(where, f"{told}: {one.why}")
        done.append(f"{told}: {one.why}")
    new = _loaded(document.written(), contract)
    changes = compare(contract, new)
    if changes:
        document.data["version"] = required_version(contract.version, changes)
        new = _loaded(document.written(), contract)
    return Amended(document.written(), new, tuple(done), tuple(left), changes)


def _reason(error: _ImpossibleError | ContractError) -> str:
    if isinstance(error, ContractError):
        return f"the contract would be wrong: {error.complaint} (given: {error.given})"
    return str(error)


def _loaded(text: str, contract: Contract) -> Contract:
    with TemporaryDirectory(prefix="shanhai-amend-") as folder:
        file = Path(folder) / contract.path.name
        file.write_text(text, encoding="utf-8")
        return load_contract(file, shown_as="the proposed contract", dataset=contract.dataset)


def _apply(
    document: Document, contract: Contract, asked: Reasoned, taken: Mapping[str, Column]
) -> tuple[str, str]:
    """Change the document; what the change is about, and what it is."""
    match proposal := asked.proposal:
        case TakeColumn():
            return _take(document, contract, proposal.heading, taken)
        case DropColumn():
            return _drop(document, contract, proposal.column)
        case StateSince():
            document.set_custom(document.column(proposal.column), "since", proposal.since)
            return proposal.column, f"given only since {proposal.since}, older deliveries may lack it"
        case RenameSource():
            return _rename(document, contract, proposal)
        case RetypeColumn():
            return _retype(document, contract, proposal)
        case ReadFullWidth():
            document.set_custom(document.column(proposal.column), "fullWidth", True)
            return proposal.column, "full-width forms are read as half-width ones"
        case AddCodes():
            return _add_codes(document, proposal)
        case AddNullTokens():
            return _add_tokens(document, contract, proposal, is_much=asked.is_much)
        case SetFormat():
            document.custom(document.data, "format").update(flow(proposal.settings))
            return "property format", "the format is another one"


def _take(
    document: Document, contract: Contract, heading: str, taken: Mapping[str, Column]
) -> tuple[str, str]:
    from ruamel.yaml import YAML

    column = taken.get(heading)
    if column is None:
        raise _ImpossibleError("the heading was not found in the delivery; add it to `ignored` by hand")
    name = column.name
    while name in contract.names or any(entry["name"] == name for entry in document.columns):
        name = f"new_{name}"
    column = column.model_copy(update={"name": name, "required": False})
    document.columns.append(YAML().load("\n".join(column_lines(column)))[0])
    since = f", given since {column.since}" if column.since else ""
    return name, f"a new column{since}; or list its heading under `ignored`"


def _drop(document: Document, contract: Contract, name: str) -> tuple[str, str]:
    column = contract.column(name)
    if _tells_apart(contract, name):
        raise _ImpossibleError(f"{name} tells rows or versions apart; no row can do without it")
    if not column.required:
        raise _ImpossibleError(
            f"{name} is not required as it is; state `since` if only older deliveries lack it, remove the "
            "column by hand if it never comes again, until then approve what is held"
        )
    document.column(name).pop("required", None)
    return name, "no longer required"


def _rename(document: Document, contract: Contract, proposal: RenameSource) -> tuple[str, str]:
    """The new heading first; the old one stays an alias, so that older deliveries can be read again."""
    column, entry = contract.column(proposal.column), document.column(proposal.column)
    aliases = [one for one in column.sources if one != proposal.source]
    document.set_custom(entry, "source", proposal.source)
    document.set_custom(entry, "aliases", aliases)
    return proposal.column, "renamed at the source, the old heading is an alias"


def _retype(document: Document, contract: Contract, proposal: RetypeColumn) -> tuple[str, str]:
    column, entry = contract.column(proposal.column), document.column(proposal.column)
    if proposal.type == column.type:
        document.set_custom(entry, "formats", list(proposal.formats))
        return column.name, "written in other formats"
    if _tells_apart(contract, column.name) or _is_fed(contract, column.name):
        raise _ImpossibleError(
            f"the type of {column.name} is that of its table, and keys, versions or marts use it; "
            f"declare a column of type {proposal.type} under another name by hand"
        )
    name = f"{column.name}_{proposal.type}"
    entry["name"] = name
    entry["logicalType"] = proposal.type
    for key in ("physicalType", "logicalTypeOptions", "quality", "required"):
        entry.pop(key, None)
    if document.custom(entry, "source") is None:
        document.set_custom(entry, "source", column.source)
    _without_formats(document, entry, proposal.formats)
    return name, f"in place of {column.name}, since the type of a table's column cannot change"


def _without_formats(document: Document, entry: object, formats: tuple[str, ...]) -> None:
    """State the formats of the new type; what only the old type could have goes."""
    listed = entry["customProperties"]  # type: ignore[index]
    for one in list(listed):
        if one["property"] in ("formats", "timeZone", "validators", "unit", "crs"):
            listed.remove(one)
    if formats:
        document.set_custom(entry, "formats", list(formats))


def _tells_apart(contract: Contract, name: str) -> bool:
    return name in contract.key or name == contract.versions.by


def _is_fed(contract: Contract, name: str) -> bool:
    for feed in contract.feeds:
        values = [*feed.columns.values(), *feed.readings.values()]
        used = {value.column for value in values} | {value.when.column for value in values if value.when}
        if name in used or (feed.where is not None and feed.where.column == name):
            return True
    return False


def _is_needed(contract: Contract, name: str) -> bool:
    """Whether a shape is fed by a column that must not be missing there."""
    columns = tuple(
        column.model_copy(update={"required": False}) if column.name == name else column
        for column in contract.columns
    )
    without = contract.model_copy(update={"columns": columns})
    try:
        for feed in contract.feeds:
            feed_parts(without, SHAPES[feed.shape])
    except ContractError:
        return True
    return False


def _add_tokens(
    document: Document, contract: Contract, proposal: AddNullTokens, *, is_much: bool
) -> tuple[str, str]:
    """More texts mean missing; what is missing often is not required, else its rows would stay refused."""
    column, entry = contract.column(proposal.column), document.column(proposal.column)
    known = list(document.custom(entry, "nullTokens") or ())
    document.set_custom(entry, "nullTokens", [*known, *(one for one in proposal.tokens if one not in known)])
    if not column.required:
        return column.name, "more texts mean missing"
    if is_much and not _tells_apart(contract, column.name) and not _is_needed(contract, column.name):
        entry.pop("required", None)
        return column.name, "more texts mean missing, and it is no longer required"
    return column.name, "more texts mean missing; such rows stay refused, since it is required"


def _add_codes(document: Document, proposal: AddCodes) -> tuple[str, str]:
    for rule in document.column(proposal.column).get("quality") or ():
        if rule.get("metric") == "invalidValues":
            codes = rule["arguments"]["validValues"]
            codes.extend(flow(code) for code in proposal.codes if code not in codes)
            return proposal.column, "more codes"
    raise _ImpossibleError(f"{proposal.column} has no list of codes")
