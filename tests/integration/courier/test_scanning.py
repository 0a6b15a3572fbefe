"""Rows on their way out: what is spilled stays closed, errors quote no value, a shuffle loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from shanhai.contracts.model import Column
from shanhai.courier.scanning import scan
from shanhai.courier.subjects import Releasable
from shanhai.errors import DataError, NotFoundError
from shanhai.exchange.subjects import Subject
from shanhai.governance.shape import read_shape
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
                files = [file for file in tmp_path.rglob("*") if file.is_file()]
                spilled = sum(file.stat().st_size for file in files)
                assert not [file for file in files if b"SENTINEL" in file.read_bytes()]
            seen += batch.num_rows
    assert seen == rows
    assert spilled > 1 << 20
    assert not left.exists()


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
        assert [n for _, n in rows] == sorted(n for _, n in rows)
        # Among equals, neither the order of the other column nor that of the table.
        zeros = [name for name, n in rows if n == 0]
        assert zeros != sorted(zeros)
        assert zeros != sorted(zeros, key=int)
