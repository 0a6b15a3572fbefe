"""No value of a refused row is in any output, log, notification, page, ledger, record or lineage file."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from one_city import COLUMNS, City

from shanhai.cli import main
from tests.conformance.far_side import Asked, FarSide, Reply

MARK = "泄露"
HEADINGS = "编号,n,at,holder,phone"
PERSONAL = [
    {
        "name": "holder",
        "logicalType": "string",
        "quality": [
            {
                "type": "library",
                "metric": "invalidValues",
                "mustBe": 0,
                "arguments": {"validValues": ["甲", "乙"]},
            }
        ],
        "customProperties": [{"property": "personal", "value": True}],
    },
    {
        "name": "phone",
        "logicalType": "string",
        "logicalTypeOptions": {"pattern": "1[0-9]{10}"},
        "customProperties": [{"property": "personal", "value": True}],
    },
]
GOOD = [f"g{place},1,2024-01-01,甲,1380000000{place}" for place in range(9)]
BAD = {
    "type": f"a,{MARK}01,2024-01-01,甲,13800000000",
    "moment": f"b,1,{MARK}02,甲,13800000000",
    "code": f"c,1,2024-01-01,{MARK}03,13800000000",
    "pattern": f"d,1,2024-01-01,甲,{MARK}04",
    "missing": f",1,2024-01-01,甲,{MARK}05",
    "too many": f"e,1,2024-01-01,甲,13800000000,{MARK}06",
    "too few": f"{MARK}07",
    "quote": f'f,1,2024-01-01,"{MARK}08,13800000000',
}
FILES: dict[str, bytes] = {
    "rows.csv": "\n".join([HEADINGS, *GOOD, *BAD.values()]).encode(),
    "bytes.csv": "\n".join([HEADINGS, *GOOD]).encode()
    + f"\nh,1,2024-01-01,{MARK}09".encode()
    + b"\xff\xfe,1\n",
    "codes.csv": "\n".join(
        [HEADINGS, *GOOD, *(f"k{place},1,2024-01-01,{MARK}10,1" for place in range(40))]
    ).encode(),
    "page.csv": f"<!doctype html><html><body>{MARK}11</body></html>".encode(),
    "empty.csv": f'{HEADINGS}\n"{MARK}12'.encode(),
    "headless.csv": "\n".join(f"{MARK}13,1,2024-01-01,甲,1380000000{place}" for place in range(9)).encode(),
    "shifted.csv": "\n".join(
        [HEADINGS, *(f"m{place},甲,1,{MARK}14,2024-01-01" for place in range(30))]
    ).encode(),
}
LOOK = [
    ["ledger"],
    ["delivery", "list"],
    *(["delivery", "show", f"acity.events/{Path(name).stem}"] for name in FILES),
    *(["quarantine", "show", f"acity.events/{Path(name).stem}"] for name in FILES),
    ["quarantine", "list"],
    ["quarantine", "list", "--format", "json"],
    ["delivery", "recount", "acity.events/rows"],
    ["replay", "--all-behind", "--dry-run"],
    ["purge", "--dry-run"],
    ["lineage", "show", "acity.events"],
    ["lineage", "export"],
]
WHO = ("--by", "Li Wei", "--reason", "seen")
DECIDE = [
    ["delivery", "approve", "acity.events/page", *WHO],
    ["delivery", "approve", "acity.events/shifted", *WHO],
    ["delivery", "approve", "acity.events/codes", *WHO],
    ["quarantine", "release", "acity.events/codes", "--rule", "holder.codes", *WHO],
    ["quarantine", "discard", "acity.events/rows", *WHO],
    ["report"],
    ["report", "verify"],
]


@pytest.fixture
def city(tmp_path: Path) -> City:
    city = City(tmp_path)
    city.declare(columns=[*COLUMNS, *PERSONAL], tolerance={"hold": 0.5, "refuse": 0.9})
    for name, content in FILES.items():
        city.put(name, content)
    return city


def shanhai(city: City, *words: str) -> None:
    main(["-vv", "--home", str(city.root / "home"), "--federation", str(city.root), *words])


def everything_told(home: Path) -> Iterator[tuple[str, str]]:
    """Every file that is no row store, and every value of the ledger, as text."""
    rows = ("snapshots/sha256", "quarantine", "scratch")
    for file in sorted(home.rglob("*")):
        name = file.relative_to(home).as_posix()
        if not file.is_file() or name.startswith(rows) or file.suffix == ".parquet":
            continue
        yield name, file.read_bytes().decode("utf-8", errors="replace")
    for file in sorted((home / "lake" / "_system" / "ledger").glob("*.parquet")):
        found = duckdb.connect().execute("SELECT * FROM read_parquet(?)", [file.as_posix()]).fetchall()
        yield file.name, json.dumps(found, ensure_ascii=False, default=str)


def test_no_value_of_a_refused_row_is_told(
    city: City,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.DEBUG)
    posted: list[Any] = []

    def listen(asked: Asked) -> Reply:
        posted.append(asked.body.decode())
        return Reply(b"ok")

    with FarSide(listen) as far:
        monkeypatch.setenv("SHANHAI_NOTIFY_URL", far.address)
        for words in (["generate"], ["walk", "acity.events"], *DECIDE, *LOOK):
            shanhai(city, *words)
    out, err = capfd.readouterr()
    home = city.root / "home"
    told = {"stdout": out, "stderr": err, "log": caplog.text, "posted": "\n".join(posted)}
    told |= dict(everything_told(home))
    assert len(posted) >= 4
    assert any(name.startswith("lineage/") for name in told)
    assert any(name.startswith("report/") for name in told)
    assert "malformed.ragged" in out
    leaks = {name: _around(text) for name, text in told.items() if MARK in text}
    assert leaks == {}

    shanhai(city, "quarantine", "show", "acity.events/rows", "--raw")
    assert capfd.readouterr().out.count(MARK) == len(BAD)


def _around(text: str) -> str:
    place = text.index(MARK)
    return text[max(place - 120, 0) : place + 40]
