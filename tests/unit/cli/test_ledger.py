"""The ledger on the terminal: documented keys, totals, and a code that says whether it adds up."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from shanhai.cli.app import shanhai
from shanhai.cli.ledger import UnbalancedError
from shanhai.cli.session import Session
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Counts
from shanhai.ingest.ledger import LedgerRow

KEYS = [
    "delivery",
    "district",
    "dataset",
    "partition",
    "snapshot_sha256",
    "contract_version",
    "rows_in",
    "loaded",
    "quarantined",
    "duplicates",
    "superseded",
    "withheld",
    "verdict",
]


def _row(dataset: str, counts: Counts) -> LedgerRow:
    delivery = DeliveryId(DatasetId.parse(dataset), "2024-03-01", "ab" * 32)
    return LedgerRow(delivery, "1.0.0", counts, "accepted", "", "")


WHOLE = [_row("gongshu.noise", Counts(10, 6, 1, 1, 1, 1)), _row("longyou.hazards", Counts(5, 5))]
BROKEN = [*WHOLE, _row("zhaohua.villages", Counts(4, 3))]


def _ask(rows: list[LedgerRow], *arguments: str) -> Result:
    session = Session()
    session.__dict__["ledger"] = rows
    return CliRunner().invoke(shanhai, ["ledger", *arguments], obj=session)


def test_json_has_the_documented_keys() -> None:
    found = json.loads(_ask(WHOLE, "--format", "json").stdout)
    assert [list(line) for line in found] == [KEYS, KEYS]
    assert found[0]["rows_in"] == 10
    assert found[0]["dataset"] == "noise"


def test_table_ends_with_totals_and_the_balance() -> None:
    done = _ask(WHOLE)
    assert "15 = 11 + 1 + 1 + 1 + 1: holds for every delivery." in done.stderr
    assert "2 deliveries" in done.stdout.splitlines()[-1]


def test_one_dataset() -> None:
    found = json.loads(_ask(WHOLE, "--dataset", "longyou.hazards", "--format", "json").stdout)
    assert [line["dataset"] for line in found] == ["hazards"]


def test_check_passes_when_it_holds() -> None:
    assert _ask(WHOLE, "--check").exit_code == 0
    assert _ask([], "--check").exit_code == 0


@pytest.mark.parametrize("form", ["table", "json"])
def test_check_fails_when_rows_are_missing(form: str) -> None:
    done = _ask(BROKEN, "--check", "--format", form)
    assert isinstance(done.exception, UnbalancedError)
    assert done.exception.exit_code == 70
    assert "zhaohua.villages" in str(done.exception)


def test_empty_ledger_says_so() -> None:
    done = _ask([])
    assert (done.stdout, done.stderr) == ("", "Nothing has been loaded yet.\n")
