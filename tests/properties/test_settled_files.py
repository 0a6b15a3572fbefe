"""What is known of data files saves reading them, and changes no table, whatever the keys.

Each story settles the same deliveries in three tables: one whose commits tell the bounds of files, while a
step keeps their keys in mind; one with the bounds alone; and one of which nothing is known, so that each file
is read.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import one_city
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shanhai.contracts.model import Contract
from shanhai.contracts.schema import DELIVERY, PARTITION, arrow_schema
from shanhai.contracts.sql import quote_literal
from shanhai.ids import DeliveryId
from shanhai.ingest import settle
from shanhai.ingest.known_files import KnownFiles
from shanhai.ingest.settlement import settle_delivery
from shanhai.settings import read_settings
from shanhai.warehouse.bounds import are_apart
from shanhai.warehouse.lake import Change, LakeTable
from shanhai.warehouse.session import duckdb_session

_AT = datetime(2024, 3, 1, tzinfo=UTC)
_LONG = "z" * 256
POOLS: dict[str, Sequence[Any]] = {
    "text": [
        "",
        " ",
        "A",
        "a",
        "aa",
        "e\u0301",
        "\u00e9",
        _LONG,
        _LONG + "0",
        _LONG + "1",
        "\ud7ff",
        "\uffff",
        "𐀀",
    ],
    "whole": [-(2**63), -(2**53) - 1, -(2**53), -1, 0, 1, 9, 10, 2**53, 2**53 + 1, 2**63 - 1],
    "broken": [-math.inf, -1.5, -0.0, 0.0, 5e-324, 1.5, math.inf, math.nan],
    "exact": [Decimal("-1.50"), Decimal("0.00"), Decimal("0.01"), Decimal("9.99"), Decimal("10.00")],
    "day": [date(1, 1, 1), date(1969, 12, 31), date(1970, 1, 1), date(2024, 2, 29), date(9999, 12, 31)],
    "moment": [
        datetime(1, 1, 1, tzinfo=UTC),
        *(datetime(1969, 12, 31, 23, 59, 59, 999_000 + n, tzinfo=UTC) for n in (0, 1, 999)),
        *(datetime(2024, 3, 1, 0, 0, 0, n, tzinfo=UTC) for n in (0, 1, 999, 1000, 1001)),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
    "clock": ["00:00", "09:59", "23:59"],
    "person": ["Li", "Wang", "Zhao"],
}
_TYPES = {"text": "string", "whole": "integer", "broken": "number", "exact": "number", "day": "date"}
_TYPES |= {"moment": "timestamp", "clock": "time", "person": "string"}
SORTED_AS_GIVEN = {"text", "whole", "day", "moment"}
"""Of a slice of these the least and the greatest are its ends."""

Row = dict[str, Any]


def column(name: str, *, key: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "logicalType": _TYPES[name], "primaryKey": key, "required": key}
    if name == "exact":
        told["physicalType"] = "DECIMAL(10,2)"
    if name == "person":
        told["customProperties"] = [{"property": "personal", "value": True}]
    return told


def contract_of(root: Path, key: Sequence[str], rule: Mapping[str, Any], duplicates: str) -> Contract:
    city = one_city.City(root)
    root.mkdir()
    required = {*key, rule.get("by")}
    columns = [column(name, key=name in key) | {"required": name in required} for name in POOLS]
    city.declare(columns, versions=dict(rule), duplicates=duplicates)
    return city.node.federation.contract(one_city.DATASET)


def some_rows(chance: random.Random, contract: Contract) -> list[Row]:
    """Rows whose values are from a short stretch of what there is, as of one day; some are missing."""
    begin = chance.random()
    rows = []
    for _ in range(chance.randint(1, 4)):
        row = {}
        for name, pool in POOLS.items():
            first = int(begin * len(pool)) if chance.random() < 0.9 else chance.randrange(len(pool))
            row[name] = chance.choice(pool[first : first + 2])
            if not contract.column(name).required and chance.random() < 0.3:
                row[name] = None
        rows.append(row)
    return rows


class Lake:
    """A table in which deliveries are settled, with what a step knows of its files."""

    def __init__(self, root: Path, contract: Contract, *, told: bool, remembers: bool) -> None:
        self.contract, self.told = contract, told
        self.known = KnownFiles(remembers=remembers) if remembers else None
        self.settings = read_settings(home=root / "home", federation=root)
        self.path = root / "table"
        LakeTable.create(self.path, arrow_schema(contract), name="events")
        self.spared = 0

    def load(self, delivery: DeliveryId, rows: list[Row], scratch: Path) -> tuple[object, ...]:
        """What became of the rows of a delivery, and of those of others."""
        with duckdb_session(self.settings) as con:
            good, number = settled_alone(con, self.contract, delivery, rows, scratch)
            table = LakeTable.open(self.path)
            found = settle_delivery(
                con,
                table,
                self.contract,
                delivery,
                good,
                rows=number,
                sha256=None,
                stem=f"{delivery.snapshot[:8]}-{table.version}",
                known=self.known,
            )
        bounds = found.bounds if self.told else {}
        own = next(iter(bounds.values()), {})
        near = {name: one for name, one in own.items() if not name.startswith("_")}
        self.spared += sum(are_apart(near, table.bounds()[name]) for name in table.files() if near)
        table.commit(Change(add=found.add, remove=found.remove, bounds=bounds), at=_AT)
        return found.entered, found.duplicates, found.superseded, dict(found.displaced)

    def rows(self) -> Counter[tuple[object, ...]]:
        names = ", ".join([*(f'"{name}"::VARCHAR' for name in POOLS), DELIVERY])
        with duckdb_session(self.settings) as con:
            table = LakeTable.open(self.path)
            return Counter(con.execute(f"SELECT {names} FROM {table.relation()}").fetchall())


def settled_alone(
    con: Any, contract: Contract, delivery: DeliveryId, rows: list[Row], scratch: Path
) -> tuple[Path, int]:
    told = [row | {DELIVERY: str(delivery), PARTITION: delivery.partition} for row in rows]
    every, good = scratch / "every.parquet", scratch / "good.parquet"
    pq.write_table(pa.Table.from_pylist(told, schema=arrow_schema(contract)), every)
    read = f"read_parquet({quote_literal(every.as_posix())}, file_row_number = true)"
    lost = settle.losers(contract, read, "file_row_number")
    query = (
        f"SELECT * EXCLUDE (file_row_number) FROM {read} "
        f"WHERE file_row_number NOT IN (SELECT file_row_number FROM ({lost}))"
    )
    (number,) = con.execute(f"COPY ({query}) TO {quote_literal(good.as_posix())} (FORMAT parquet)").fetchone()
    return good, int(number)


CASES: dict[str, tuple[Sequence[str], Mapping[str, Any], str]] = {
    "a text": (["text"], {"rule": "latest", "by": "moment"}, "table"),
    "a number and a day": (["whole", "day"], {"rule": "latest", "by": "moment"}, "none"),
    "a moment and a person": (["moment", "person"], {"rule": "latest", "by": "whole"}, "delivery"),
    "a person": (["person"], {"rule": "latest", "by": "moment"}, "table"),
    "fractions": (["broken", "exact"], {"rule": "latest", "by": "moment"}, "table"),
    "versions by day": (["text", "clock"], {"rule": "history", "by": "day"}, "table"),
    "versions by number": (["person"], {"rule": "history", "by": "whole"}, "none"),
    "whole rows": ([], {"rule": "append"}, "table"),
    "a partition": (["text"], {"rule": "replace"}, "delivery"),
}


def tell(folder: Path, case: str, seed: int, stories: int) -> None:
    """Tell so many stories, and more until there was a file that bounds tell apart, if they can."""
    print(f"{case}, seed {seed}")
    spared = 0
    contract = contract_of(folder / "city", *CASES[case])
    told_apart = any(
        contract.column(name).name in SORTED_AS_GIVEN for name in settle.identity(contract)
    ) and settle.crosses(contract)
    for story in range(10 * stories):
        if story >= stories and bool(spared) == told_apart:
            break
        chance = random.Random(f"{seed}/{story}")
        known = [(True, True), (True, False), (False, False)]
        lakes = [
            Lake(folder / f"{story}-{place}", contract, told=told, remembers=remembers)
            for place, (told, remembers) in enumerate(known)
        ]
        sent: list[list[Row]] = []
        for number in range(chance.randint(4, 7)):
            rows = some_rows(chance, contract)
            if sent and chance.random() < 0.4:
                rows += chance.sample(earlier := chance.choice(sent), min(2, len(earlier)))
            sent.append(rows)
            delivery = DeliveryId(one_city.DATASET, chance.choice("pq"), f"{number:064x}")
            came = [lake.load(delivery, rows, folder) for lake in lakes]
            assert came[0] == came[1] == came[2], f"story {story}, delivery {number}"
        tables = [lake.rows() for lake in lakes]
        assert tables[0] == tables[1] == tables[2], f"story {story}"
        spared += lakes[0].spared
    assert bool(spared) == told_apart, "files were to be told apart by their bounds, or cannot be"


@pytest.mark.parametrize("case", CASES)
def test_what_is_known_of_files_changes_no_table(tmp_path: Path, case: str) -> None:
    tell(tmp_path, case, random.SystemRandom().randrange(1 << 32), stories=2)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_what_is_known_of_files_changes_no_table_in_many_stories(tmp_path: Path, case: str) -> None:
    tell(tmp_path, case, random.SystemRandom().randrange(1 << 32), stories=60)
