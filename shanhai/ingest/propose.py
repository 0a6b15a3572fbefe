"""Propose: what a delivery differs in becomes the draft of the next version of its contract."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from shanhai.contracts.drafting.amend import Amended, Reasoned, amend
from shanhai.contracts.drafting.headings import read_heading, unique_names
from shanhai.contracts.drafting.standing import stands
from shanhai.contracts.model import Column, Contract
from shanhai.contracts.proposals import DropColumn, Proposal, StateSince, TakeColumn
from shanhai.contracts.since import Age, is_older, place, since_of
from shanhai.errors import ConfigurationError, NotFoundError
from shanhai.ids import DeliveryId
from shanhai.ingest.books import table_net
from shanhai.ingest.decode import BodyFile
from shanhai.ingest.drift.look import MUCH_SHARE
from shanhai.ingest.infer.columns import guess_columns
from shanhai.ingest.infer.inference import DEFAULT_ROWS, with_codes
from shanhai.ingest.infer.places import place_columns
from shanhai.ingest.infer.sample import take_sample
from shanhai.ingest.infer.sources import names_said
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging, Validation, read_record, read_validation
from shanhai.ingest.sidecar import body_key, sidecar
from shanhai.quality.registers import AREA_CODES, attach_registers
from shanhai.quality.verdict import BAD_ROWS
from shanhai.warehouse.session import duckdb_session

_BODIES = 5

Tell = Callable[[str, int, int], None]


def propose(node: Node, delivery: DeliveryId, work: Path, *, tell: Tell) -> Amended:
    """The contract of a delivery as it could be, so that the delivery is what it promises.

    Args:
        work: an existing folder for what is looked at; the caller removes it.

    Raises:
        NotFoundError: the delivery was not checked yet.
        ConfigurationError: no contract can say what it differs in, or this one says it already.
    """
    contract = node.federation.contract(delivery.dataset)
    validation = _validation(node, delivery)
    asked = [
        Reasoned(difference.proposal, difference.text, is_much=(difference.share or 0) >= MUCH_SHARE)
        for difference in validation.differences
        if difference.proposal is not None
    ]
    if not asked:
        raise _nothing_to_draft(delivery, validation)
    asked = [replace(one, proposal=_by_age(node, delivery, contract, one.proposal)) for one in asked]
    asked = [one for one in asked if not stands(contract, one.proposal)]
    if not asked:
        raise ConfigurationError(
            "the contract says already what would be proposed",
            given=f"{delivery.short}, contract version {contract.version}",
            hint="shanhai generate; to approve the delivery is to judge it by the contract as it is",
        )
    headings = [one.proposal.heading for one in asked if isinstance(one.proposal, TakeColumn)]
    taken = _columns(node, delivery, contract, headings, work, tell) if headings else {}
    return amend(contract, asked, taken)


def _nothing_to_draft(delivery: DeliveryId, validation: Validation) -> ConfigurationError:
    """That it differs in nothing that a contract can say; rows that break rules are their own affair."""
    differing = "; ".join(difference.text for difference in validation.differences)
    breaks_rules = any(reason.code == BAD_ROWS for reason in validation.why)
    by_rule = f"its rows break rules; which, says `shanhai quarantine list --dataset {delivery.dataset}`"
    return ConfigurationError(
        f"no change of the contract is known that would take {delivery.short}",
        given=differing or "; ".join(validation.reasons) or "a delivery that differs in nothing",
        allowed="headings, formats, codes or types that changed",
        hint=by_rule if breaks_rules else f"see `shanhai delivery show {delivery.short}`",
    )


def _by_age(node: Node, delivery: DeliveryId, contract: Contract, proposal: Proposal) -> Proposal:
    """That a column came later, where it is gone or empty and all accepted deliveries with it are younger."""
    if not isinstance(proposal, DropColumn) or proposal.column not in contract.names:
        return proposal
    column, own = contract.column(proposal.column), sidecar(node, delivery).age
    having = {since_of(contract, age) for age in _having(node, delivery, column)}
    told = [since for since in having if since is not None]
    if column.required or not told or len(told) < len(having) or since_of(contract, own) is None:
        return proposal
    first = min(told, key=partial(place, contract))
    is_younger = not is_older(contract, column.model_copy(update={"since": first}), own)
    return proposal if is_younger else StateSince(column=column.name, since=first)


def _having(node: Node, delivery: DeliveryId, column: Column) -> Iterator[Age]:
    """The accepted deliveries with a value in a column."""
    for known, net in table_net(open_table(node, delivery.dataset)).items():
        staging = read_record(node, DeliveryId.parse(known), net.staging, Staging)
        if net.verdict == "accepted" and staging is not None and staging.filled.get(column.name):
            yield sidecar(node, DeliveryId.parse(known)).age


def _validation(node: Node, delivery: DeliveryId) -> Validation:
    """The newest check of the delivery: under the contract as it is, or the one that stands in the books."""
    found = read_validation(node, delivery)
    if found is None:
        booked = table_net(open_table(node, delivery.dataset)).get(str(delivery))
        found = read_record(node, delivery, booked.staging, Validation) if booked is not None else None
    if found is None:
        raise NotFoundError(
            "the delivery was not checked", given=delivery.short, hint=f"shanhai walk {delivery.dataset}"
        )
    return found


def _columns(
    node: Node, delivery: DeliveryId, contract: Contract, headings: Sequence[str], work: Path, tell: Tell
) -> dict[str, Column]:
    """What the new headings of a delivery seem to be, by heading."""
    bodies = sidecar(node, delivery).bodies[:_BODIES]
    with contextlib.ExitStack() as stack:
        files = tuple(
            BodyFile(body.name, stack.enter_context(node.snapshots.local_path(body_key(body.sha256))))
            for body in bodies
        )
        con = stack.enter_context(duckdb_session(node.settings, work / "sample.duckdb"))
        sample = take_sample(con, files, DEFAULT_ROWS, work, tell)
        if node.federation.register(AREA_CODES) is not None:
            attach_registers(con, with_codes(sample.reader), node.federation)
        nested = sample.sources.nested
        readings = [read_heading(title, nested=nested) for title in sample.sources.titles]
        names = unique_names(names_said(sample.sources, readings))
        guesses = guess_columns(sample, readings, names, tell)
        guesses, _ = place_columns(sample, guesses, readings)
    # Rows of one delivery are no proof of a list of codes, nor of what personal columns are called.
    columns = {guess.column.source: guess.column for guess in guesses}
    since = since_of(contract, sidecar(node, delivery).age)
    return {
        heading: columns[heading].model_copy(update={"codes": (), "since": since})
        for heading in headings
        if heading in columns
    }
