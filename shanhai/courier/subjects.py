"""What can be released: a dataset at a version of its table, or a mart of a publication."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shanhai.contracts.model import Contract
from shanhai.contracts.schema import DELIVERY
from shanhai.contracts.sql import quote_identifier
from shanhai.courier import granted, inbox, partners
from shanhai.courier.withdrawn import Tables
from shanhai.errors import ConfigurationError, NotFoundError
from shanhai.exchange.grants import ONWARD
from shanhai.exchange.subjects import DATASET, Subject
from shanhai.governance.derived import derived_columns, derived_received, derived_share_class
from shanhai.governance.values import Data, DataState, Received
from shanhai.ids import DatasetId
from shanhai.ingest import projections
from shanhai.ingest.ledger import ledger
from shanhai.ingest.node import Node
from shanhai.ingest.reconcile import Behind
from shanhai.ingest.unseen import has_other_rows
from shanhai.ingest.versions import contract_in_force
from shanhai.warehouse import pins
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.publications import Publication, PublishedMart, mart_path, mart_relation, publications
from shanhai.warehouse.session import duckdb_session
from shanhai.warehouse.sources import LEDGER, dataset_relation, open_version, table_path

MARTS = "marts"
"""What stands before the name of a mart where a dataset has its district: no district is called so."""

PARCELS = "parcels"
"""The connector of datasets that were received from other nodes."""


@dataclass(frozen=True)
class Releasable:
    """One version of a dataset, a mart or an application.

    Attributes:
        data: what policy is told of it.
        version: of the lake table, or the number of the publication.
        relation: SQL of its rows, in parentheses.
        earlier: the same of an earlier version; raises `ShanhaiError` where it is not kept any more.
        contract: digest of the contract, hex; None of a mart.
        lineage: which versions of which tables it rests on.
        quality: what the ledger says of the deliveries in them, and dbt of a publication's truths.
        folder, listing, parts: of an application, which has no relation: where its files are, the digest of
            their listing, and how many rows they make.
    """

    data: Data
    version: int
    relation: str
    earlier: Callable[[int], str] = field(repr=False)
    contract: str | None
    lineage: Mapping[str, Any]
    quality: Mapping[str, Any]
    folder: Path | None = None
    listing: str | None = None
    parts: int = 0

    @property
    def subject(self) -> Subject:
        """What grants, terms and facts call it."""
        return self.data.subject


def find(node: Node, connection: sqlite3.Connection, name: str, version: int | None = None) -> Releasable:
    """What a person means by `<district>.<dataset>` or `marts.<mart>`, at a version or the newest.

    Raises:
        NotFoundError: there is none, or nothing of it yet.
        ConfigurationError: a mart that cannot be judged: a column of a type that no contract has, or a
            source without a contract.
        ContractError: a contract means something else than that of the last load, under too low a version.
        StoreError: the version is not there, or cannot be read.
    """
    place, _, mart = name.partition(".")
    if place == MARTS:
        return _mart(node, connection, mart, version)
    return _dataset(node, connection, DatasetId.parse(name), version)


def has_same_rows(node: Node, found: Releasable, version: int) -> bool:
    """Whether a dataset or a mart had the very rows of this version at an earlier one already.

    Versions come of deliveries that are held or refused, too, and publications of other marts.

    Raises:
        NotFoundError: there was no such version.
        StoreError: the table cannot be read.
    """
    place, _, mart = found.subject.name.partition(".")
    if place == MARTS:
        before = _mart_of(_publication(publications(node.settings), version), mart)
        return bool(before.version == found.lineage["mart"])
    return not has_other_rows(node, DatasetId.parse(found.subject.name), after=version)


def _dataset(
    node: Node, connection: sqlite3.Connection, dataset: DatasetId, version: int | None
) -> Releasable:
    contract = contract_in_force(node, dataset)
    if not exists(node.table(dataset)):
        raise NotFoundError(
            "nothing of the dataset has been loaded yet", given=dataset, hint=f"shanhai walk {dataset}"
        )
    newest = LakeTable.open(node.table(dataset)).version
    at = newest if version is None else version
    if at > newest:
        raise NotFoundError("no such version of the dataset", given=at, allowed=f"0 to {newest}")
    relation = dataset_relation(node.settings, contract, at)
    sources = {str(dataset): at}
    state, deliveries = _deliveries(node, sources)
    return Releasable(
        data=Data(
            subject=Subject(DATASET, str(dataset)),
            share_class=contract.share_class,
            columns=contract.columns,
            key=contract.key,
            state=state,
            received=_received(node, connection, [contract]),
        ),
        version=at,
        relation=relation,
        earlier=lambda other: dataset_relation(node.settings, contract, other),
        contract=contract.digest,
        lineage={"sources": sources},
        quality={"deliveries": deliveries},
    )


def _mart(node: Node, connection: sqlite3.Connection, name: str, version: int | None) -> Releasable:
    listed = publications(node.settings)
    publication = _publication(listed, version)
    mart = _mart_of(publication, name)
    sources = {table: at for table, at in publication.sources_of(name) if table != LEDGER}
    contracts = [_contract(node, table) for table in sources]
    schema = open_version(mart_path(node.settings, name), mart.version).schema()
    types = {column.name: pins.duckdb_type_of(column.type) for column in schema.fields}
    state, deliveries = _deliveries(node, sources)
    return Releasable(
        data=Data(
            subject=Subject(DATASET, f"{MARTS}.{name}"),
            share_class=derived_share_class(contracts),
            columns=derived_columns(types, contracts),
            state=state,
            counts_people=any(column.personal for contract in contracts for column in contract.columns),
            received=_received(node, connection, contracts),
        ),
        version=publication.number,
        relation=mart_relation(node.settings, mart),
        earlier=lambda other: mart_relation(node.settings, _mart_of(_publication(listed, other), name)),
        contract=None,
        lineage={"publication": publication.publication_id, "mart": mart.version, "sources": sources},
        quality={
            "deliveries": deliveries,
            "truths": [{**vars(truth), "reads": list(truth.reads)} for truth in publication.truths],
        },
    )


def _publication(listed: Sequence[Publication], number: int | None) -> Publication:
    if not listed:
        raise NotFoundError("nothing has been published yet", given="marts", hint="shanhai publish")
    found = listed[-1] if number is None else next((one for one in listed if one.number == number), None)
    if found is None:
        raise NotFoundError("no such publication", given=number, allowed=f"1 to {listed[-1].number}")
    return found


def _mart_of(publication: Publication, name: str) -> PublishedMart:
    for mart in publication.marts:
        if mart.name == name:
            return mart
    raise NotFoundError(
        f"no such mart in publication {publication.number}",
        given=f"{MARTS}.{name}",
        allowed=[f"{MARTS}.{mart.name}" for mart in publication.marts],
    )


def _contract(node: Node, table: str) -> Contract:
    try:
        return contract_in_force(node, DatasetId.parse(table))
    except NotFoundError as error:
        raise ConfigurationError(
            "a mart rests on a table without a contract, so nobody can say what it holds",
            given=table,
            hint="put the contract back, or build and publish without the table",
        ) from error


def _deliveries(node: Node, sources: Mapping[str, int]) -> tuple[DataState, list[dict[str, Any]]]:
    """Whether every row of these versions stands accepted now, and the ledger on each delivery of one.

    Raises:
        ShanhaiError: why the ledger has not all of one of these tables; what others lack is not asked here.
    """
    behind: list[Behind] = []
    known = {str(row.delivery): row for row in ledger(node, behind)}
    for one in behind:
        if one.table == projections.LEDGER and str(one.dataset) in sources:
            raise one.error
    there: set[str] = set()
    with duckdb_session(node.settings) as con:
        for table, version in sources.items():
            path = table_path(node.settings, table)
            relation = pins.relation(open_version(path, version), path)
            found = con.execute(f"SELECT DISTINCT {quote_identifier(DELIVERY)} FROM {relation}").fetchall()
            there |= {str(delivery) for (delivery,) in found}
    # A delivery that the ledger does not know is for a person to look at, not to be sent.
    verdicts = {known[one].verdict if one in known else "held" for one in there}
    told = [known[one].as_dict() for one in sorted(there & known.keys())]
    accepted = [line for line in told if line["verdict"] == "accepted"]
    if verdicts & {"withdrawn", "refused"} or Tables(node.home).lack(accepted, sources):
        return "withdrawn", told
    return ("held" if "held" in verdicts else "stands"), told


def _received(node: Node, connection: sqlite3.Connection, contracts: Iterable[Contract]) -> Received | None:
    """The least that the owners of received sources let us do; None where all is our own."""
    now = node.clock()
    return derived_received(
        condition
        for contract in contracts
        if contract.source.connector == PARCELS
        for condition in _conditions(connection, contract, now)
    )


def _conditions(connection: sqlite3.Connection, contract: Contract, now: datetime) -> list[Received]:
    """Of each grant under which a dataset may have come; where there is none, nothing goes on."""
    partner, subject = (str(contract.source.options.get(name)) for name in ("partner", "subject"))
    pairings = {one.pairing for one in partners.every(connection) if one.name == partner}
    grants = [
        one
        for one in granted.every(connection)
        if one.direction == granted.RECEIVED and one.pairing in pairings
        if one.grant.subject.name == subject
    ]
    first = inbox.first_received(connection, subject)
    conditions = [
        Received(
            one.grant.onward,
            purpose=one.grant.purpose,
            # What came first has to go first, and lies in the same table.
            retain_until=first + timedelta(days=one.grant.retention_days) if first else None,
            stands=one.standing and not one.grant.revoked and now < one.grant.until,
        )
        for one in grants
    ]
    return conditions or [Received(ONWARD[0], stands=False)]
