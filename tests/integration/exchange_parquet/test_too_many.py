"""More row groups and pages than two signed bytes can number: `32768-row-groups`, `32768-pages`.

As vectors they would be too large; `too-many-modules` is one of half as many row groups.
"""

from __future__ import annotations

import io

import pyarrow as pa
import pytest
from sealing import SET, careless, sealed, with_groups

from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet import profile
from shanhai.exchange.parquet.footer import read_footer
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.outline import outline
from shanhai.exchange.parquet.walk import walk

GOOD = sealed(pa.table({"n": [1, 2, 3]}))


@pytest.mark.parametrize(("count", "code"), [(32_768, "too-many-modules"), (32_767, "too-many-modules")])
def test_row_groups_are_counted_before_they_are_looked_at(
    count: int, code: str, monkeypatch: pytest.MonkeyPatch
):
    """The smaller number is refused by the limit of chunks; without that, only the greater is too many."""
    content = with_groups(GOOD, count).only
    shown = outline(io.BytesIO(content), len(content))
    with pytest.raises(Refused) as refused:
        read_footer(io.BytesIO(content), shown, KeyHolder(GOOD.keys))
    assert refused.value.code == code
    monkeypatch.setattr(profile, "MOST_CHUNKS", 1 << 20)
    with pytest.raises(Refused) as refused:
        read_footer(io.BytesIO(content), shown, KeyHolder(GOOD.keys))
    assert refused.value.code == ("too-many-modules" if count > 32_767 else "file-malformed")


def paged(rows: int) -> bytes:
    """One column with a page for each row."""
    table = pa.table({"c0000": pa.array(range(rows), pa.int64())})
    write = {"data_page_size": 1, "write_batch_size": 1, "use_dictionary": False}
    return careless(table, column_keys={"0": ["c0000"]}, write=write).only


def test_no_library_writes_so_many_pages_and_fewer_pass():
    with pytest.raises(OSError, match="32767 pages"):
        paged(32_769)


def test_pages_are_counted(monkeypatch: pytest.MonkeyPatch):
    content, keys = paged(300), KeyHolder(GOOD.keys)
    assert f"{SET}.0" in GOOD.keys
    assert walk(io.BytesIO(content), len(content), keys).footer.rows == 300
    monkeypatch.setattr(profile, "MOST_PAGES", 299)
    with pytest.raises(Refused) as refused:
        walk(io.BytesIO(content), len(content), keys)
    assert refused.value.code == "too-many-modules"
