"""The scratch file of a delivery that queries are asked of."""

from __future__ import annotations

import duckdb
import pytest

from shanhai.quality.checked import create_checked
from tests.support.queried import ROWS, contract


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    file = tmp_path_factory.mktemp("queries") / "staged.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute(
            "CREATE TABLE raw (meter_id VARCHAR, volume_m3 VARCHAR, read_at VARCHAR, pulse VARCHAR, "
            "_body VARCHAR DEFAULT 'a.csv', _malformed VARCHAR, _raw VARCHAR)"
        )
        con.executemany("INSERT INTO raw (meter_id, volume_m3, read_at, pulse) VALUES (?, ?, ?, ?)", ROWS)
        create_checked(con, contract())
    return file
