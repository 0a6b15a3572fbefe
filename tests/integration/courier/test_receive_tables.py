"""Tables that were received: the granted columns of every file of the set, the same bytes each time."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forked import exit_code
from received_parcels import granted_and_sent, opened, rows, say_parcel
from sent_parcels import (
    DAY,
    GRANTED,
    TABLE,
    kinds,
    private_leftovers,
    received,
    relay_file,
    say,
    seal,
    settings_of,
    upload,
)
from two_nodes import NodeHome, Two

from shanhai.clock import system_clock
from shanhai.courier.incoming import folder_for
from shanhai.courier.reopening import reopen
from shanhai.errors import ConfigurationError
from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet.encrypt import Packing

_RENAME = Path.rename


def test_a_set_of_several_files_becomes_one_table_in_order(pair: Two):
    numbers = list(range(30_000))
    table = pa.table({"id": [f"id {n}" for n in numbers], "n": numbers, "note": ["x"] * len(numbers)})
    sealed = seal(pair.longyou, table, packing=Packing(most_bytes=400_000, group_bytes=300_000))
    assert len(sealed.files) > 2
    granted_and_sent(pair, sealed)
    received(pair.gongshu, "longyou")
    (file,) = opened(pair.gongshu)
    assert pq.read_table(file) == table.select(GRANTED)


def test_a_set_without_rows_is_a_table_without_rows(pair: Two):
    granted_and_sent(pair, seal(pair.longyou, TABLE.slice(0, 0)))
    received(pair.gongshu, "longyou")
    (file,) = opened(pair.gongshu)
    assert pq.read_table(file).equals(TABLE.slice(0, 0).select(GRANTED))


def test_the_same_set_opened_twice_gives_the_same_bytes(pair: Two):
    sealed, grant, _ = granted_and_sent(pair)
    say_parcel(pair, sealed, grant)
    upload(pair.longyou, "gongshu")
    received(pair.gongshu, "longyou")
    first, second = opened(pair.gongshu)
    assert first.name != second.name
    assert first.read_bytes() == second.read_bytes()
    assert len({row.opened_sha256 for row in rows(pair.gongshu) if row.type == "parcel"}) == 1


def test_later_columns_of_the_same_set_are_another_message_and_nothing_else(pair: Two):
    sealed, grant, _ = granted_and_sent(pair)
    wider = replace(grant, rev=2, columns=("id", "n", "note"))
    say(pair.longyou, "gongshu", wider)
    say_parcel(pair, sealed, wider)
    upload(pair.longyou, "gongshu")
    assert received(pair.gongshu, "longyou").stopped is None
    widths = [pq.read_schema(file).names for file in opened(pair.gongshu)]
    assert widths == [["id", "n"], ["id", "n", "note"]]


def test_an_accepted_parcel_is_opened_again_by_what_was_recorded(pair: Two, tmp_path: Path):
    sealed, grant, _ = granted_and_sent(pair)
    received(pair.gongshu, "longyou")
    say(pair.longyou, "gongshu", replace(grant, rev=2, revoked=True))
    upload(pair.longyou, "gongshu")
    received(pair.gongshu, "longyou")
    row = rows(pair.gongshu)[2]
    with pair.gongshu.desk(now=system_clock() + 60 * DAY) as desk:
        made = reopen(desk, settings_of(pair.gongshu), row, tmp_path / "again.parquet")
        assert made.sha256 == row.opened_sha256
        with pytest.raises(ConfigurationError):
            reopen(desk, settings_of(pair.gongshu), row, tmp_path / "again.parquet")
        before = kinds(pair.gongshu)
        with pytest.raises(ConfigurationError, match="folder of the target"):
            reopen(desk, settings_of(pair.gongshu), row, tmp_path / "nowhere" / "again.parquet")
        assert kinds(pair.gongshu) == before
        other = replace(row, digest="0" * 64)
        with pytest.raises(Refused, match="reopened-other-bytes"):
            reopen(desk, settings_of(pair.gongshu), other, tmp_path / "other.parquet")
        relay_file(pair, next(iter(sealed.files))).unlink()
        with pytest.raises(Refused, match=r"file-omitted.*given: [0-9a-f]{64}\.parquet.*--relay"):
            reopen(desk, settings_of(pair.gongshu), row, tmp_path / "gone.parquet")
    assert pq.read_table(tmp_path / "again.parquet") == TABLE.select(GRANTED)
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == ["again.parquet"]
    assert private_leftovers(pair.gongshu) == []


def test_reopening_that_was_killed_after_the_table_was_deleted_stops_nobody(pair: Two, tmp_path: Path):
    granted_and_sent(pair)
    received(pair.gongshu, "longyou")
    (file,) = opened(pair.gongshu)
    file.unlink()
    row = rows(pair.gongshu)[2]
    folder_for(pair.gongshu.home, row.seen)
    assert received(pair.gongshu, "longyou").stopped is None
    assert private_leftovers(pair.gongshu) == []
    assert not file.exists()
    with pair.gongshu.desk() as desk:
        assert reopen(desk, settings_of(pair.gongshu), row, file).sha256 == row.opened_sha256


def killed_while_reopening(node: NodeHome, target: Path, *, in_place: bool) -> None:
    """Opened once more by a process that dies before what it made is moved, or before that has its name."""
    row = rows(node)[2]

    def rename(path: Path, to: Path) -> Path:
        if to == target:
            os.kill(os.getpid(), signal.SIGKILL)
        return _RENAME(path, to)

    def reopened() -> None:
        if in_place:
            Path.rename = rename
        else:
            shutil.move = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        with node.desk() as desk:
            reopen(desk, settings_of(node), row, target)

    assert exit_code(reopened) == -signal.SIGKILL


def test_reopening_that_was_killed_does_not_bring_back_a_table_that_was_removed(pair: Two, tmp_path: Path):
    granted_and_sent(pair)
    received(pair.gongshu, "longyou")
    (file,) = opened(pair.gongshu)
    file.unlink()
    killed_while_reopening(pair.gongshu, tmp_path / "again.parquet", in_place=False)
    assert any(one.endswith("opened.parquet") for one in private_leftovers(pair.gongshu)), "made whole"
    assert received(pair.gongshu, "longyou").stopped is None
    assert not file.exists()
    assert private_leftovers(pair.gongshu) == []


def test_what_reopening_writes_has_its_name_once_it_is_whole(pair: Two, tmp_path: Path):
    granted_and_sent(pair)
    received(pair.gongshu, "longyou")
    target = tmp_path / "again.parquet"
    killed_while_reopening(pair.gongshu, target, in_place=True)
    assert not target.exists()
    with pair.gongshu.desk() as desk:
        reopen(desk, settings_of(pair.gongshu), rows(pair.gongshu)[2], target)
    assert pq.read_table(target) == TABLE.select(GRANTED)
