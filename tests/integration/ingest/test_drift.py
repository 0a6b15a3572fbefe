"""A file of hazards, changed in one way each: the verdict, and the difference as a person reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from infra.simulator.systems import file_bytes
from shanhai.contracts.model import Contract
from shanhai.ids import DatasetId
from shanhai.ingest.drift.find import find_differences
from shanhai.ingest.node import Node, open_node
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage
from shanhai.quality.difference import Difference
from shanhai.quality.verdict import Signals, decide_verdict
from shanhai.report.words import words
from shanhai.settings import read_settings

ROOT = Path(__file__).resolve().parents[3]
HAZARDS = DatasetId("longyou", "hazards")
WINDOW = "2024-03-01"
NAME = "张三"
Change = Callable[[list[list[str]]], object]
GOLDEN = yaml.safe_load(Path(__file__).with_name("drift.yml").read_text(encoding="utf-8"))
"""By name of a change: the verdict, and what is said of it in both languages."""


class Portal:
    """The folder that Longyou's portal is, and a node that pulls from it: each file is of another day."""

    def __init__(self, root: Path) -> None:
        home = root / "home"
        home.mkdir()
        self.folder = root / "portal" / "opendata" / "hazards"
        self.folder.mkdir(parents=True)
        (home / "endpoints.yml").write_text(yaml.safe_dump({"longyou.portal": str(root / "portal")}))
        self.node: Node = open_node(read_settings(home=home, federation=ROOT))
        self.contract: Contract = self.node.federation.contract(HAZARDS)
        self.day = date.fromisoformat(WINDOW)

    def deliver(self, body: bytes) -> tuple[str, tuple[Difference, ...], Path]:
        """Verdict and differences of a body; the verdict is that of the check, without the gate."""
        self.day += timedelta(days=1)
        (self.folder / f"{self.day}.csv").write_bytes(body)
        (delivery,) = pull(self.node, HAZARDS, str(self.day))
        staging = stage(self.node, delivery)
        found = find_differences(self.node, self.contract, delivery, staging, {})
        verdict = decide_verdict(
            self.contract,
            rows_in=staging.rows_in,
            bad_rows=staging.quarantined,
            signals=Signals(staging.missing, staging.unknown),
            differences=found,
            unreadable=staging.unreadable,
        )
        return verdict.state, found, self.node.staging(delivery, staging.staging)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    return Portal(tmp_path_factory.mktemp("portal"))


def records() -> list[list[str]]:
    """Headings and the good records of a day, none of them twice."""
    lines = file_bytes("longyou.hazards", WINDOW).decode("gb18030").splitlines()
    whole = [line.split(",") for line in dict.fromkeys(lines) if line.count(",") == 9]
    return [whole[0], *(record for record in whole[1:] if _is_good(record))][:201]


def _is_good(record: list[str]) -> bool:
    risks = ("低", "中", "高", "重大")
    is_score = record[6].isascii() and record[6].isdigit() and 1 <= int(record[6]) <= 100
    is_person = bool(re.fullmatch(r"\d{17}[\dX]", record[4])) and not record[4].endswith("Y")
    return all(record[:8]) and record[5] in risks and is_score and is_person and "年" in record[7]


def text(table: list[list[str]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(cells) + "\n" for cells in table)


def column(number: int, change: Callable[[int, str], str], *, heading: str = "") -> Change:
    """One column changed in every record, and its heading where one is given."""

    def changed(table: list[list[str]]) -> list[list[str]]:
        head, *rest = table
        first = [heading or name if place == number else name for place, name in enumerate(head)]
        return [
            first,
            *(
                [change(at, cell) if place == number else cell for place, cell in enumerate(cells)]
                for at, cells in enumerate(rest)
            ),
        ]

    return changed


def every(change: Callable[[int, list[str]], list[str]]) -> Change:
    """Every record changed, and the headings not."""
    return lambda table: [table[0], *(change(number, cells) for number, cells in enumerate(table[1:]))]


def encoded(encoding: str) -> Change:
    return lambda table: text(table).encode(encoding)


def _day(cell: str, form: str) -> str:
    year, month, day = re.findall(r"\d+", cell)
    return form.format(y=year, m=int(month), d=int(day))


HANDLED: dict[str, Change] = {
    "nothing": lambda table: table,
    "columns in another order": lambda table: [cells[::-1] for cells in table],
    "CRLF": lambda table: text(table).replace("\n", "\r\n").encode("gb18030"),
    "every cell quoted": lambda table: text([[f'"{cell}"' for cell in cells] for cells in table]),
    "blanks around cells": lambda table: [[f"{cell}  " for cell in cells] for cells in table],
    "blanks around headings": lambda table: [[f" {cell} " for cell in table[0]], *table[1:]],
    "no line end at the end": lambda table: text(table).rstrip("\n").encode("gb18030"),
    "an ignored column gone": lambda table: [cells[:-1] for cells in table],
    "a few unknown codes": lambda table: column(5, lambda at, cell: "紧急" if at == 7 else cell)(table),
    "a few torn lines": lambda table: [*table, ["YH"], ["YH", "x"]],
}
"""Changes that are handled, or ignored on purpose: accepted, without a word."""


@pytest.mark.parametrize("name", HANDLED)
def test_handled_or_ignored_on_purpose(portal: Portal, name: str) -> None:
    verdict, found, _ = portal.deliver(_bytes(HANDLED[name](records())))
    assert (verdict, found) == ("accepted", ())


SIGNALS: dict[str, Change] = {
    "a new column": lambda table: [[*cells, "詹家镇" if at else "街道"] for at, cells in enumerate(table)],
    "a column gone": lambda table: [[*cells[:8], cells[9]] for cells in table],
    "a required column gone": lambda table: [[*cells[:6], *cells[7:]] for cells in table],
    "renamed, alike": column(7, lambda at, cell: cell, heading="发现的日期"),
    "renamed, by its values": column(3, lambda at, cell: cell, heading="信用编码"),
    "renamed, by its name": column(2, lambda at, cell: cell, heading="企业的名称"),
    "another spelling": column(0, lambda at, cell: cell, heading="隐患 编号"),
    "headings lost": lambda table: table[1:],
    "a title above": lambda table: [["龙游县隐患台账"], [], *table],
    "UTF-8": encoded("utf-8"),
    "UTF-8 with a mark": encoded("utf-8-sig"),
    "UTF-16": encoded("utf-16"),
    "semicolons": lambda table: text(table, ";"),
    "tabs": lambda table: text(table, "\t"),
    "single quotes": lambda table: [[f"'{cell}'" for cell in cells] for cells in table],
    "a page of HTML": lambda table: "<!DOCTYPE html><html><body>登录</body></html>",
    "a workbook": lambda table: b"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml" + bytes(99),
    "a JSON document": lambda table: '[{"隐患编号": "YH202403010001"}]',
    "decimal commas": column(6, lambda at, cell: f'"{cell},5"'),
    "thousands set apart": column(6, lambda at, cell: f'"{at % 9 + 1},000"'),
    "decimals": column(6, lambda at, cell: f"{cell}.5"),
    "a unit behind": column(6, lambda at, cell: f"{cell}分"),
    "another unit": column(6, lambda at, cell: f"{cell}00"),
    "dates with slashes": column(7, lambda at, cell: _day(cell, "{d:02}/{m:02}/{y}")),
    "dates in ISO 8601": column(7, lambda at, cell: _day(cell, "{y}-{m:02}-{d:02}")),
    "some dates in ISO 8601": column(7, lambda at, cell: _day(cell, "{y}-{m}-{d}") if at % 3 else cell),
    "dates with a time": column(7, lambda at, cell: _day(cell, "{y}-{m:02}-{d:02} 08:30")),
    "seconds since 1970": column(7, lambda at, cell: str(1709251200 + 86400 * at)),
    "milliseconds since 1970": column(7, lambda at, cell: f"{1709251200 + 86400 * at}000"),
    "a spreadsheet's days": column(7, lambda at, cell: str(45352 + at % 30)),
    "errors of a spreadsheet": column(6, lambda at, cell: "#REF!"),
    "other text": column(6, lambda at, cell: f"约{cell}"),
    "another form": column(0, lambda at, cell: f"HZ-{cell[2:]}"),
    "new codes": column(5, lambda at, cell: "特大" if at % 5 == 0 else cell),
    "many new codes": column(5, lambda at, cell: f"{at % 12}级"),
    "text for codes": column(5, lambda at, cell: f"风险{at}处待查" if at % 2 else cell),
    "words for missing": column(6, lambda at, cell: "暂无" if at % 5 == 0 else cell),
    "shifted right": every(lambda at, cells: ["1", *cells[:-1]]),
    "shifted left": every(lambda at, cells: [*cells[1:], ""]),
    "a cell too many": every(lambda at, cells: [*cells[:2], *(() if at % 3 else ("东",)), *cells[2:]]),
    "a cell too few": every(lambda at, cells: cells if at % 3 else [*cells[:5], *cells[6:]]),
}
"""Changes that people are told of."""


@pytest.mark.parametrize("name", SIGNALS)
def test_signal(portal: Portal, name: str) -> None:
    verdict, found, folder = portal.deliver(_bytes(SIGNALS[name](records())))
    golden = GOLDEN[name]
    assert verdict == golden["verdict"]
    assert [difference.text for difference in found] == golden["en"]
    assert [words("en").difference(difference) for difference in found] == golden["en"]
    assert [words("zh").difference(difference) for difference in found] == golden["zh"]
    assert [_proposed(difference) for difference in found] == golden["proposals"]
    assert not _persons_in(found)
    assert not list(folder.glob("look-*"))


PERSONAL: dict[str, Change] = {
    "persons with a unit": column(4, lambda at, cell: f"{cell}号"),
    "persons among codes": column(5, lambda at, cell: f"11010119000209{at % 3:04}"),
    "a name among codes": lambda table: [
        [*cells[:4], NAME if at else cells[4], NAME if at else cells[5], *cells[6:]]
        for at, cells in enumerate(table)
    ],
    "persons as a heading": column(9, lambda at, cell: cell, heading="110101190002090001"),
    "persons in a column renamed": column(4, lambda at, cell: cell, heading="证件"),
}
"""Changes after which values of persons stand where they might be told."""


@pytest.mark.parametrize("name", PERSONAL)
def test_no_difference_has_a_value_of_a_person(portal: Portal, name: str) -> None:
    _, found, _ = portal.deliver(_bytes(PERSONAL[name](records())))
    assert found
    assert not _persons_in(found)


def _persons_in(found: tuple[Difference, ...]) -> list[str]:
    persons = {cells[4] for cells in records()[1:]} | {NAME}
    assert len(persons) > 100
    said = " ".join(difference.model_dump_json() for difference in found)
    return [person for person in persons if person in said]


def _proposed(difference: Difference) -> dict[str, object] | None:
    return difference.proposal.model_dump(mode="json") if difference.proposal else None


def _bytes(made: object) -> bytes:
    if isinstance(made, bytes):
        return made
    return (made if isinstance(made, str) else text(made)).encode("gb18030")  # type: ignore[arg-type]
