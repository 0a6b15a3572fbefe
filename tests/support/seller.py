"""Gongshu with a table of visits that Longyou may have a part of: what it releases, and what arrives."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from one_city import City
from two_nodes import Two, hand_over, held_by, verified_by

from shanhai.audit.database import transaction
from shanhai.clock import system_clock
from shanhai.courier import granting, outbox, partners, releasing, sealing, sets
from shanhai.courier.granting import Draft
from shanhai.courier.outbox import Outgoing
from shanhai.courier.planning import Ask, Plan, plan
from shanhai.courier.releasing import Released
from shanhai.courier.shipping import Shipped, ship
from shanhai.exchange.grants import Grant
from shanhai.exchange.parcels import Parcel
from shanhai.exchange.parquet.decrypt import Declared, read_granted
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.sets import SetStatement, read_set
from shanhai.exchange.subjects import Subject
from shanhai.exchange.unwrap import Opened, unwrap
from shanhai.ingest.node import Node, open_node
from shanhai.settings import read_settings

TABLE = "acity.events"
NAMES = ("Wang Xiuying the First", "Li Jianguo the Second", "Zhao Guilan the Third", "Sun Deshun the Fourth")
VILLAGES = ("Shangtang", "Mishixiang", "Shangtang", "Gongchenqiao")
COLUMNS: list[dict[str, Any]] = [
    {
        "name": "id",
        "logicalType": "string",
        "primaryKey": True,
        "customProperties": [{"property": "source", "value": "编号"}],
    },
    {"name": "village", "logicalType": "string"},
    {
        "name": "person",
        "logicalType": "string",
        "customProperties": [{"property": "personal", "value": True}],
    },
    {"name": "n", "logicalType": "integer", "required": True, "logicalTypeOptions": {"minimum": 0}},
    {"name": "at", "logicalType": "timestamp", "required": True},
]


def walked_city(root: Path) -> City:
    """A city whose table has four rows, loaded."""
    city = City(root)
    city.declare(COLUMNS)
    city.put("a.csv", table(range(4)))
    city.walk()
    return city


def table(numbers: range) -> str:
    """A file of that city; row `i` is of the person and village `i % 4`."""
    rows = [f"id-{i},{VILLAGES[i % 4]},{NAMES[i % 4]},{i},2024-02-0{1 + i % 9}T08:00:00Z" for i in numbers]
    return "\n".join(["编号,village,person,n,at", *rows]) + "\n"


@dataclass(frozen=True)
class Arrived:
    """A parcel as its recipient opens it."""

    opened: Opened
    parcel: Parcel
    statement: SetStatement
    folder: Path

    def rows(self, *names: str) -> list[tuple[Any, ...]]:
        """The rows of all files, by the names that the parcel gives."""
        facts = self.opened.facts
        assert facts is not None
        physical = {name: f"c{index:04}" for index, name in self.parcel.names.items()}
        found = []
        for file, told in zip(self.statement.files, facts.files, strict=True):
            with (self.folder / file.name).open("rb") as opened:
                granted_columns = read_granted(
                    opened,
                    file.size,
                    KeyHolder(self.opened.keys),
                    columns=[physical[name] for name in names],
                    declared=Declared(told.rows, told.decoded_bytes, facts.schema),
                )
                batches = list(granted_columns.batches)
            table = pa.Table.from_batches(batches, granted_columns.schema)
            found += zip(*(table.column(physical[name]).to_pylist() for name in names), strict=True)
        return found


@dataclass(frozen=True)
class Seller:
    """Gongshu, whose home has the city's table, paired with Longyou."""

    two: Two
    city: City

    @property
    def home(self) -> Path:
        return self.two.gongshu.home

    @property
    def node(self) -> Node:
        settings = read_settings(home=self.home, federation=self.city.root, free_disk_bytes=0)
        return open_node(settings, clock=self.city.clock)

    def grant(self, *columns: str, subject: str = TABLE, **changes: Any) -> Grant:
        """Grant columns to Longyou, which learns it at once."""
        with self.two.gongshu.desk() as desk:
            grant = granting.add(desk, "longyou", self.draft(*columns, subject=subject, **changes))
        hand_over(self.two.gongshu, self.two.longyou)
        return grant

    def draft(self, *columns: str, subject: str = TABLE, **changes: Any) -> Draft:
        """What a grant of columns to Longyou says."""
        now = system_clock().replace(microsecond=0)
        stated: dict[str, Any] = {
            "subject": Subject("dataset" if "." in subject else "application", subject),
            "columns": columns,
            "purpose": "follow-up",
            "share_class": "conditional",
            "onward": "none",
            "valid_from": now - timedelta(days=1),
            "until": now + timedelta(days=300),
            "retention_days": 90,
        }
        return Draft(**{**stated, **changes})

    def plan(self, who: str = "Li Wei", **asked: Any) -> Plan:
        """What a release would be."""
        with self.two.gongshu.desk(who) as desk:
            return plan(self.node, desk.connection, ask(**asked), who=who, now=desk.now)

    def release(self, who: str = "Li Wei", *, now: datetime | None = None, **asked: Any) -> Released:
        """Release to Longyou."""
        with self.two.gongshu.desk(who, now=now) as desk:
            return releasing.release(desk, self.node, ask(**asked))

    def ship(
        self, address: str | None = None, *, later: timedelta = timedelta(0), again: bool = False
    ) -> Shipped:
        """Ship to Longyou by the pairing's relay or by another address, some time from now."""
        with self.two.gongshu.desk() as desk:
            partner = partners.named(desk.connection, "longyou")
            now = desk.now + later
            return ship(self.home, self.node.settings, partner, now=now, address=address, again=again)

    def messages(self) -> tuple[Outgoing, ...]:
        """Everything in the outbox."""
        with self.two.gongshu.desk() as desk:
            return outbox.of_pairing(desk.connection, self.two.gongshu.partner("longyou").pairing)

    def arrive(self, message: Outgoing) -> Arrived:
        """Longyou verifies, opens and settles the next message, a parcel, whose files it takes from here."""
        with self.two.gongshu.desk() as there:
            kept = sets.by_id(there.connection, message.set_id or "")
        assert kept is not None
        with self.two.longyou.desk() as here:
            ours = partners.named(here.connection, "gongshu")
            verified = verified_by(here, ours, message)
            statement = read_set(kept.statement, keyset=verified.keyset, digest=verified.header.set_digest)
            opened = unwrap(verified, held=held_by(here, ours), statement=statement, at=here.now)
            with transaction(here.connection):
                seen = verified.seen
                partners.settled(
                    here.connection,
                    ours.pairing,
                    generation=seen.generation,
                    seq=seen.seq,
                    digest=seen.digest,
                )
        assert isinstance(opened.body.content, Parcel)
        return Arrived(opened, opened.body.content, statement, sealing.folder_of(self.home, kept.set_id))


def ask(subject: str = TABLE, **asked: Any) -> Ask:
    """What is asked of Gongshu, for Longyou."""
    return Ask(subject, "longyou", **asked)


def settle(two: Two, city: City, folder: Path) -> Seller:
    """Copies of both, put together: the home of the city becomes that of Gongshu."""
    mine = city.copied(folder / "city")
    home = mine.root / "home"
    shutil.copytree(two.gongshu.home, home, dirs_exist_ok=True)
    return Seller(replace(two, gongshu=replace(two.gongshu, home=home)), mine)
