"""Thrift is read as a library reads it: what that would cut off or take for another field is refused."""

from __future__ import annotations

import pytest

from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet.thrift import read_struct


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ("15 04 00", {1: 2}),
        ("05 0a 04 00", {5: 2}),
        ("05 fe ff 03 04 00", {32_767: 2}),
        ("15 ff ff ff ff 0f 00", {1: -(2**31)}),
        ("16 ff ff ff ff ff ff ff ff ff 01 00", {1: -(2**63)}),
    ],
)
def test_reads(data: str, fields: dict[int, int]):
    assert read_struct(bytes.fromhex(data))[0] == fields


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("05 82 80 08 04 00", id="field 65,537, which is 1 in 16 bits"),
        pytest.param("05 80 80 04 04 00", id="field 32,768"),
        pytest.param("05 01 04 00", id="field -1"),
        pytest.param("05 00 04 00", id="field 0"),
        pytest.param("15 04 05 02 04 00", id="a field twice"),
        pytest.param("15 80 80 80 80 10 00", id="an i32 of 33 bits"),
        pytest.param("14 80 80 04 00", id="an i16 of 17 bits"),
        pytest.param("16 ff ff ff ff ff ff ff ff ff 02 00", id="an i64 of 65 bits"),
        pytest.param("18 80 80 80 80 08 00", id="a text of 2^31 bytes"),
        pytest.param("1b 00 00", id="a map"),
    ],
)
def test_refuses(data: str):
    with pytest.raises(Refused, match="file-malformed"):
        read_struct(bytes.fromhex(data))
