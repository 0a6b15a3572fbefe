"""Rows on their way out: what is spilled stays closed, errors quote no value, a shuffle loses nothing."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shanhai.contracts.model import Column
from shanhai.courier.scanning import count_people, scan
from shanhai.courier.spilling import private_folder, spill_folder
from shanhai.courier.subjects import Releasable
from shanhai.errors import DataError, NotFoundError, StoreError
from shanhai.exchange.subjects import Subject
from shanhai.governance.shape import Shape, read_shape
from shanhai.governance.subjects import Counted
from shanhai.governance.values import Data
from shanhai.settings import Settings, read_settings

NAME = Column(name="name", source="name", type="string")
NUMBER = Column(name="n", source="n", type="integer")


def releasable(relation: str) -> Releasable:
    def earlier(version: int) -> str:
        raise NotFoundError("not kept", given=version)

    return Releasable(
        data=Data(Subject("dataset", "acity.events"), "conditional", (NAME, NUMBER)),
        version=1,
        relation=relation,
        earlier=earlier,
        contract=None,
        lineage={},
        quality={},
    )


def settings(home: Path, **changes: object) -> Settings:
    return read_settings(home=home, federation=home, threads=1, **changes)


def test_what_is_spilled_is_encrypted_and_goes(tmp_path: Path):
    rows = 1_200_000
    found = releasable(f"(SELECT 'SENTINEL' || hash(range) AS name, range AS n FROM range({rows}))")
    shape = read_shape((NAME, NUMBER), names=["name"])
    left = tmp_path / "scratch" / "release"
    left.mkdir(parents=True)
    (left / "of_a_killed_scan.tmp").write_bytes(b"SENTINEL")
    seen, spilled = 0, 0
    with scan(settings(tmp_path, memory_limit="30MB"), found, shape, order=shape.names) as reader:
        for batch in reader:
            if not seen:
                assert left.stat().st_mode & 0o777 == 0o700
                files = [file for file in tmp_path.rglob("*") if file.is_file()]
                spilled = sum(file.stat().st_size for file in files)
                assert not [file for file in files if b"SENTINEL" in file.read_bytes()]
            seen += batch.num_rows
    assert seen == rows
    assert spilled > 1 << 20
    assert not left.exists()


def test_a_killed_count_is_swept_by_the_next_and_one_under_way_is_not(tmp_path: Path):
    base = tmp_path / "scratch" / "counted"
    (base / "of_a_killed_count").mkdir(parents=True)
    (base / "of_a_killed_count" / "spilled.tmp").touch()
    with private_folder(settings(tmp_path)) as first:
        assert list(base.iterdir()) == [first]
        assert first.stat().st_mode & 0o777 == 0o700
        (first / "spilled.tmp").touch()
        with private_folder(settings(tmp_path)) as second:
            assert second != first
            assert (first / "spilled.tmp").exists()
        assert list(base.iterdir()) == [first]
    assert list(base.iterdir()) == []


@pytest.mark.parametrize("folder", [spill_folder, private_folder])
def test_what_cannot_be_removed_is_an_error_of_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Callable[[Settings], Any]
):
    def broken(place: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(shutil, "rmtree", broken)
    with pytest.raises(StoreError, match="failed"), folder(settings(tmp_path)):
        pass


def test_an_error_quotes_no_value(tmp_path: Path):
    found = releasable("(SELECT 'a' AS name, 'Wang Xiuying' AS n)")
    shape = read_shape((NAME, NUMBER), names=["n"])
    with (
        pytest.raises(DataError) as told,
        scan(settings(tmp_path), found, shape, order=shape.names) as reader,
    ):
        reader.read_all()
    assert "Wang" not in f"{told.value} {told.value.as_dict()}"
    assert told.value.__cause__ is None


@pytest.mark.parametrize("order", [(), ("n",), ("name",), ("name", "n")], ids=",".join)
def test_every_order_has_every_row(tmp_path: Path, order: tuple[str, ...]):
    found = releasable("(SELECT range::VARCHAR AS name, range % 7 AS n FROM range(5000))")
    shape = read_shape((NAME, NUMBER), names=["name", "n"])
    with scan(settings(tmp_path), found, shape, order=order) as reader:
        table = reader.read_all()
    assert table.column_names == ["c0000", "c0001"]
    rows = list(zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True))
    assert sorted(rows) == sorted((str(i), i % 7) for i in range(5000))
    if order == ("n",):
        assert len(list(itertools.groupby(n for _, n in rows))) == 7
        # Among equals, neither the order of the other column nor that of the table.
        zeros = [name for name, n in rows if n == 0]
        assert zeros != sorted(zeros)
        assert zeros != sorted(zeros, key=int)


WHO = Column(name="who", source="who", type="string")
DAY = Column(name="day", source="day", type="date")


def counted(folder: Path, relation: str, row_filter: str | None, sent: list[Shape]) -> Counted:
    shape = read_shape((WHO, DAY), names=["day"], row_filter=row_filter, masks={"day": "truncate-to-year"})
    return count_people(
        settings(folder),
        releasable(relation),
        shape,
        people="who",
        columns=["day"],
        sent={(1, one.shape_id): one for one in sent},
    )


def test_the_same_version_under_another_filter_is_compared(tmp_path: Path):
    """Two filters that differ by one person tell that person, although the version is one and the same."""
    people = "(SELECT 'p' || range AS who, DATE '2026-01-01' + (range % 3)::INTEGER AS day FROM range(9))"
    before = read_shape(
        (WHO, DAY), names=["day"], row_filter="who <> 'p1'", masks={"day": "truncate-to-year"}
    )
    alone = counted(tmp_path, people, None, [])
    assert (alone.measure[0], alone.smallest_group, alone.smallest_difference) == (1, 9, None)
    beside = counted(tmp_path, people, None, [before])
    assert beside.compared_with == {(1, before.shape_id)}
    assert beside.smallest_difference == 1
    # The same in the same shape is the same release.
    same = read_shape((WHO, DAY), names=["day"], masks={"day": "truncate-to-year"})
    assert counted(tmp_path, people, None, [same]).compared_with == frozenset()
    assert not list((tmp_path / "scratch").rglob("*.tmp"))


def test_what_is_spilled_while_people_are_counted_is_encrypted_and_goes(tmp_path: Path):
    rows = 600_000
    relation = f"(SELECT 'SENTINEL' || hash(range) AS who, DATE '2026-01-01' AS day FROM range({rows}))"
    seen, done = [0, 0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            for file in (tmp_path / "scratch").rglob("*.tmp"):
                with contextlib.suppress(FileNotFoundError):
                    content = file.read_bytes()
                    seen[0], seen[1] = max(seen[0], len(content)), seen[1] + (b"SENTINEL" in content)

    shape = read_shape((WHO, DAY), names=["day"])
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        found = count_people(
            settings(tmp_path, memory_limit="40MB"),
            releasable(relation),
            shape,
            people="who",
            columns=["day"],
            sent={},
        )
    finally:
        done.set()
        watcher.join()
    assert found.smallest_group == rows
    assert seen[0] > 1 << 18
    assert seen[1] == 0
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["counted.lock"]
