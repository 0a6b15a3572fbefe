"""No value and no name is found in what a release stores, writes on the way and logs; careless ones are."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import pytest
from one_city import City
from pyarrow.parquet import encryption
from seller import COLUMNS, TABLE, settle
from stored_release import Stored, Told, leave_plaintext, told_by
from two_nodes import Two

from shanhai.cli.session import log_to_stderr
from shanhai.courier import sealing

VILLAGES = ["拱墅区上塘路的卫生站", "Mishixiang-sentinel-0423"]
PERSON = "张三的病历在此"
VALUES = [*VILLAGES, PERSON]
VILLAGE, PERSON_NAME = "home_village", "name_of_patient"
WORDS = [*VALUES, VILLAGE, PERSON_NAME, TABLE]
NAMED = {"village": VILLAGE, "person": PERSON_NAME}
ROWS = [f"id-{n},{VILLAGES[n % 2]},{PERSON},{n},2024-02-01T08:00:00Z" for n in range(200)]


@pytest.fixture(scope="module", autouse=True)
def _a_verb_was_called_in_this_process() -> None:
    log_to_stderr(0)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    made = City(tmp_path_factory.mktemp("city") / "root")
    made.declare([{**column, "name": NAMED.get(column["name"], column["name"])} for column in COLUMNS])
    made.put("a.csv", "\n".join([f"编号,{VILLAGE},{PERSON_NAME},n,at", *ROWS]) + "\n")
    made.walk()
    return made


@pytest.fixture
def stored(paired: Two, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stored:
    seller = settle(paired, city, tmp_path)
    seller.grant(VILLAGE, "n")
    return Stored(seller, monkeypatch)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Told:
    return Told(caplog, capfd)


def test_neither_stored_bytes_nor_logs_tell(stored: Stored, told: Told):
    stored.ship()
    rows = stored.seller.arrive(stored.seller.messages()[-1]).rows(VILLAGE, "n")
    assert sorted(rows, key=lambda row: row[1]) == [(VILLAGES[n % 2], n) for n in range(len(ROWS))]
    seen = stored.seen()
    assert min(len(seen["relay"]), len(seen["written"])) > len(ROWS) * 16
    assert told_by(seen, WORDS) == told_by(told.seen(), VALUES) == {}


def test_a_line_of_our_log_and_one_that_is_printed_are_found(told: Told):
    logging.getLogger("shanhai.courier.desk").debug("sealed %s", VILLAGES[0])
    print(VILLAGES[1])
    assert told_by(told.seen(), VALUES) == {"log": VILLAGES[:1], "printed": VILLAGES[1:]}


def test_a_column_that_was_left_plaintext_is_not_released(stored: Stored, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(encryption, "EncryptionConfiguration", partial(leave_plaintext, 0))
    with pytest.raises(sealing.SealingError):
        stored.ship()
    assert "relay" not in told_by(stored.seen(), WORDS)


def test_and_without_that_check_it_is_found(stored: Stored, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(encryption, "EncryptionConfiguration", partial(leave_plaintext, 0))
    monkeypatch.setattr(sealing, "_check", lambda *_: None)
    stored.ship()
    assert told_by(stored.seen(), WORDS) == dict.fromkeys(("written", "relay", "outgoing"), VILLAGES)
