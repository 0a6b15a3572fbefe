"""A delivery that differs is accepted under the contract that is proposed for it."""

from __future__ import annotations

import difflib
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.simulator.systems import file_bytes
from shanhai.cli import main
from shanhai.contracts.federation import open_federation
from shanhai.contracts.model import Contract
from shanhai.ids import DatasetId

ROOT = Path(__file__).resolve().parents[3]
HAZARDS = DatasetId("longyou", "hazards")
FIRST, SECOND = "2024-03-01", "2024-03-02"
DELIVERY = f"{HAZARDS}/{SECOND}"
Table = list[list[str]]


def records(window: str) -> Table:
    """Headings and good records of a day, none of them twice."""
    lines = file_bytes(str(HAZARDS), window).decode("gb18030", "replace").splitlines()
    head, *rest = [line.split(",") for line in dict.fromkeys(lines) if line.count(",") == 9]
    return [head, *(cells for cells in rest if _is_good(cells))][:121]


def _is_good(cells: list[str]) -> bool:
    is_person = re.fullmatch(r"\d{17}[\dX]", cells[4]) is not None
    return (
        all(cells[:8])
        and cells[5] in "低中高重大"
        and cells[6].isascii()
        and cells[6].isdigit()
        and is_person
    )


def column(number: int, change: Callable[[int, str], str], heading: str = "") -> Callable[[Table], Table]:
    def changed(table: Table) -> Table:
        first = [heading if heading and place == number else name for place, name in enumerate(table[0])]
        rest = [
            [change(at, cell) if place == number else cell for place, cell in enumerate(cells)]
            for at, cells in enumerate(table[1:])
        ]
        return [first, *rest]

    return changed


def same(_: int, cell: str) -> str:
    return cell


def text(table: Table, delimiter: str = ",") -> str:
    return "".join(delimiter.join(cells) + "\n" for cells in table)


def iso(_: int, cell: str) -> str:
    year, month, day = re.findall(r"\d+", cell)
    return f"{year}-{int(month):02}-{int(day):02}"


class Node:
    """A copy of Longyou's hazards alone, whose portal is a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("registers.yml", "statistics/register", "longyou/hazards.odcs.yml"):
            source, target = ROOT / "districts" / name, root / "districts" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        district = {"name": "longyou", "title": "龙游", "endpoints": {"portal": "portal"}}
        (root / "districts" / "longyou" / "district.yml").write_text(yaml.safe_dump(district))
        (root / "portal" / "opendata" / "hazards").mkdir(parents=True)

    def __call__(self, *arguments: str) -> int:
        return main(["--home", str(self.root / "home"), "--federation", str(self.root), *arguments])

    @property
    def contract(self) -> Contract:
        return open_federation(self.root).contract(HAZARDS)

    @property
    def file(self) -> Path:
        return self.root / "districts" / "longyou" / "hazards.odcs.yml"

    def deliver(self, window: str, body: Table | bytes) -> None:
        raw = body if isinstance(body, bytes) else text(body).encode("gb18030")
        (self.root / "portal" / "opendata" / "hazards" / f"{window}.csv").write_bytes(raw)
        assert self("walk", str(HAZARDS), "--window", window) == 0

    def verdict(self, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
        capsys.readouterr()
        assert self("delivery", "list", "--format", "json") == 0
        found = [row for row in json.loads(capsys.readouterr().out) if row["partition"] == SECOND]
        return found[0]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node with one accepted delivery."""
    node = Node(tmp_path_factory.mktemp("base"))
    assert node("generate") == 0
    node.deliver(FIRST, records(FIRST))
    return node.root


@pytest.fixture
def node(base: Path, tmp_path: Path) -> Node:
    shutil.copytree(base, tmp_path / "copy")
    copy = Node.__new__(Node)
    copy.root = tmp_path / "copy"
    return copy


CASES: dict[str, tuple[Callable[[Table], Table | bytes], str, str]] = {
    "new column": (
        lambda table: [[*cells, "詹家镇" if at else "街道"] for at, cells in enumerate(table)],
        "1.1.0",
        "source, value: 街道",
    ),
    "required column gone": (
        lambda table: [[*cells[:6], *cells[7:]] for cells in table],
        "2.0.0",
        "no longer required",
    ),
    "renamed": (column(7, same, heading="发现的日期"), "1.1.0", "aliases, value: [发现日期]"),
    "other formats": (column(7, iso), "1.1.0", "formats, value:"),
    "another type": (column(6, lambda at, cell: f"{cell}.5"), "2.0.0", "name: risk_score_number"),
    "new codes": (column(5, lambda at, cell: "特大" if at % 5 == 0 else cell), "1.1.0", "特大"),
    "words for missing": (
        column(6, lambda at, cell: "暂无" if at % 5 == 0 else cell),
        "2.0.0",
        "no longer required",
    ),
    "encoding": (lambda table: text(table).encode(), "1.1.0", "encoding: utf-8"),
    "delimiter": (lambda table: text(table, "\t").encode("gb18030"), "1.1.0", "delimiter:"),
    "title above": (lambda table: [["龙游县隐患台账"], [], *table], "1.1.0", "skip_lines:"),
}
"""By name: what the source changed, the version that this needs, and what the diff says."""

QUICK = ("new column", "renamed", "another type", "encoding")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in CASES]
)
def test_what_is_proposed_takes_the_delivery(node: Node, name: str, capsys: pytest.CaptureFixture[str]):
    change, version, said = CASES[name]
    node.deliver(SECOND, change(records(SECOND)))
    assert node.verdict(capsys)["verdict"] in ("held", "refused")
    before = node.file.read_text(encoding="utf-8")

    assert node("contract", "propose", DELIVERY) == 0
    diff = capsys.readouterr().out
    assert said in diff
    removed = [line for line in diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert len(removed) <= 12, "nothing but what changes is touched"
    assert node.file.read_text(encoding="utf-8") == before

    assert node("contract", "propose", DELIVERY, "--write") == 0
    assert node.contract.version == version
    written = node.file.read_text(encoding="utf-8")
    capsys.readouterr()
    assert node("contract", "propose", DELIVERY, "--write") == 78
    assert "required" in capsys.readouterr().err if "gone" in name else "already" in capsys.readouterr().err
    assert node.file.read_text(encoding="utf-8") == written
    assert node("contract", "compare", str(HAZARDS)) == 0
    assert node("generate") == 0
    assert node("delivery", "approve", DELIVERY, "--by", "王强", "--reason", "契约已改") == 0
    after = node.verdict(capsys)
    assert after["verdict"] == "accepted"
    assert after["loaded"] >= 0.8 * after["rows_in"]


def test_rows_that_break_rules_are_no_change_of_the_contract(node: Node, capsys: pytest.CaptureFixture[str]):
    """Nothing is to be drafted; it is not that nothing is wrong."""
    node.deliver(SECOND, column(6, lambda at, cell: "900" if at % 12 == 0 else cell)(records(SECOND)))
    assert node.verdict(capsys)["verdict"] == "held"
    assert node("contract", "propose", DELIVERY, "--format", "json") == 78
    told = json.loads(capsys.readouterr().err)
    assert "rows are bad, more than" in told["given"]
    assert f"shanhai quarantine list --dataset {HAZARDS}" in told["hint"]


def test_a_word_for_missing_here_and_there_takes_no_promise_back(node: Node):
    node.deliver(SECOND, column(6, lambda at, cell: "暂无" if at % 20 == 0 else cell)(records(SECOND)))
    assert node("contract", "propose", DELIVERY, "--write") == 0
    score = node.contract.column("risk_score")
    assert (score.null_tokens, score.required, node.contract.version) == (("暂无",), True, "1.1.0")


def test_the_diff_is_that_which_was_written(node: Node, capsys: pytest.CaptureFixture[str]):
    node.deliver(SECOND, CASES["new column"][0](records(SECOND)))
    before = node.file.read_text(encoding="utf-8").splitlines()
    shown = []
    for further in ((), ("--write",)):
        capsys.readouterr()
        assert node("contract", "propose", DELIVERY, "--format", "json", *further) == 0
        shown.append(json.loads(capsys.readouterr().out))
    drafted, written = shown
    assert (drafted.pop("written"), written.pop("written")) == (False, True)
    assert drafted == written
    after = node.file.read_text(encoding="utf-8").splitlines()
    name = "districts/longyou/hazards.odcs.yml"
    said = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}", lineterm="")
    assert written["diff"].splitlines() == list(said)


def test_a_diff_that_standard_output_has_no_signs_for_is_refused(
    node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    node.deliver(SECOND, CASES["new column"][0](records(SECOND)))
    piped = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    with monkeypatch.context() as patched:
        patched.setattr("sys.stdout", piped)
        assert node("contract", "propose", DELIVERY) == 78
    piped.flush()
    assert piped.buffer.getvalue() == b""
    told = capsys.readouterr().err
    assert "no sign" in told
    assert "--write" in told
