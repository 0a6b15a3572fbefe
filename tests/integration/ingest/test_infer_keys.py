"""Which columns a draft takes for the key, and the rule for versions; no column of people is one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_two_columns_together_are_the_key(tmp_path: Path, draft_of: Any):
    lines = [
        f"M{meter:03},2024-03-01 {hour:02}:00:00,{meter + hour}" for meter in range(9) for hour in range(24)
    ]
    (tmp_path / "data" / "reads.csv").write_text("\n".join(["meter_id,read_at,volume_m3", *lines]))
    contract, _ = draft_of("reads.csv")
    assert contract.key == ("meter_id", "read_at")
    assert contract.column("volume_m3").unit == "m3"


def test_later_stamps_are_versions_of_a_key(tmp_path: Path, draft_of: Any):
    lines = [f"E{number:04},{number % 2},2024-03-01 10:00:{number % 60:02}" for number in range(100)]
    lines += [f"E{number:04},1,2024-03-02 10:00:00" for number in range(20)]
    (tmp_path / "data" / "events.csv").write_text("\n".join(["event_id,n,updated_at", *lines]))
    contract, _ = draft_of("events.csv")
    assert (contract.key, contract.versions.rule, contract.versions.by) == (
        ("event_id",),
        "latest",
        "updated_at",
    )


def staff(*rows: tuple[str, str, str]) -> list[str]:
    """Rows of a number, a phone, a shift."""
    return ["grid_no,phone,shift", *(",".join(row) for row in rows)]


def phone(number: int) -> str:
    return f"1390000{number:04}"


def test_rows_that_lack_the_key_do_not_widen_it(tmp_path: Path, draft_of: Any):
    """Each file ends in a line of totals without a number: these are no duplicates of each other."""
    for day in range(1, 4):
        rows = [
            (f"G{day}{number:03}", phone(number % 50), ("early", "late")[number % 2]) for number in range(90)
        ]
        lines = staff(*rows, ("", phone(7), "early"), ("", phone(7), f"of {day}"))
        (tmp_path / "data" / f"staff-2024-03-{day:02}.csv").write_text("\n".join(lines))
    contract, page = draft_of("staff-*.csv")
    assert contract.key == ("grid_no",)
    assert contract.versions.rule == "append"
    assert "a key, though 4 of 274 different rows lack a part of it" in page


@pytest.mark.parametrize(("repeated", "key"), [(1, ("grid_no", "shift")), (2, ())])
def test_no_personal_column_enters_a_key(tmp_path: Path, draft_of: Any, repeated: int, key: tuple[str, ...]):
    rows = [
        (f"G{number // 2 // repeated:03}", phone(number), ("early", "late")[number % 2])
        for number in range(200)
    ]
    (tmp_path / "data" / "staff.csv").write_text("\n".join(staff(*rows)))
    contract, page = draft_of("staff.csv")
    assert contract.column("phone").personal
    assert contract.key == key
    told = " ".join(page.replace("#", "").split())
    assert ("guess: no set of up to three columns tells all rows apart: no key" in told) == (not key)
    assert ("doubtful: grid_no and phone would tell rows apart" in told) == (not key)
