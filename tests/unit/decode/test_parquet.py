"""Parquet: every type as a text that its contract type reads back, and files that are none refused."""

from __future__ import annotations

import datetime as dt
import decimal
import io
from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from plain_contract import plain_contract

from shanhai.contracts.model import Column, ParquetFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode import Limits
from shanhai.quality.expressions import typed
from tests.unit.decode.conftest import Decode

PARQUET = ParquetFormat()
NOON = dt.datetime(2024, 3, 1, 12, 0, 0, 250_000)
SHANGHAI = dt.timezone(dt.timedelta(hours=8))


def parquet(columns: dict[str, pa.Array], **options: Any) -> bytes:
    """A file of one table."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("values", "kind", "texts"),
    [
        (["a", "", None, " 水表\n", "x\0y"], pa.string(), ["a", "", None, " 水表\n", "x\0y"]),
        (["a", "a", None], pa.large_string(), ["a", "a", None]),
        ([True, False, None], pa.bool_(), ["true", "false", None]),
        ([-(2**63), 2**63 - 1], pa.int64(), ["-9223372036854775808", "9223372036854775807"]),
        ([2**64 - 1], pa.uint64(), ["18446744073709551615"]),
        ([3.0, 0.1, 1e300, -2.5, None], pa.float64(), ["3", "0.1", "1e+300", "-2.5", None]),
        ([float("nan"), float("inf")], pa.float64(), ["nan", "inf"]),
        ([0.1, 16777216.0], pa.float32(), ["0.1", "16777216"]),
        ([decimal.Decimal("1.10"), decimal.Decimal("-0.05")], pa.decimal128(30, 2), ["1.10", "-0.05"]),
        ([dt.date(2024, 2, 29)], pa.date32(), ["2024-02-29"]),
        ([dt.time(8, 30)], pa.time32("s"), ["08:30:00"]),
        ([dt.time(8, 30, 0, 5)], pa.time64("us"), ["08:30:00.000005"]),
        ([NOON], pa.timestamp("us"), ["2024-03-01 12:00:00.25"]),
        ([NOON], pa.timestamp("ms"), ["2024-03-01 12:00:00.25"]),
        ([1_709_294_400_250_000_001], pa.timestamp("ns"), ["2024-03-01 12:00:00.250000001"]),
        ([NOON.replace(tzinfo=SHANGHAI)], pa.timestamp("us", "Asia/Shanghai"), ["2024-03-01 04:00:00.25+00"]),
        ([NOON.replace(tzinfo=dt.UTC)], pa.timestamp("ns", "UTC"), ["2024-03-01 12:00:00.25+00"]),
        ([b"\x00\xff", b""], pa.binary(), ["\\x00ff", "\\x"]),
        ([[1, 2], [], None], pa.list_(pa.int32()), ["[1,2]", "[]", None]),
        ([None, None], pa.null(), [None, None]),
        (["a", "水表", None], pa.dictionary(pa.int8(), pa.string()), ["a", "水表", None]),
        ([3, 12, None], pa.dictionary(pa.int8(), pa.int64()), ["3", "12", None]),
        ([dt.datetime(1850, 1, 1)], pa.timestamp("s"), ["1850-01-01 00:00:00"]),
    ],
)
def test_a_value_becomes_its_text(decoded: Decode, values: list[Any], kind: pa.DataType, texts: list[Any]):
    body = parquet({"值": pa.array(values, kind)}, store_schema=True)
    assert decoded(body, PARQUET, "值").cells == [(text,) for text in texts]


@pytest.mark.parametrize(
    ("value", "kind", "column"),
    [
        (0.1 + 0.2, pa.float64(), {"type": "number"}),
        (5e-324, pa.float64(), {"type": "number"}),
        (12.0, pa.float64(), {"type": "integer"}),
        (2**62 + 1, pa.int64(), {"type": "integer"}),
        (decimal.Decimal("12345678901234567890.123456"), pa.decimal128(38, 6), {"precision": (38, 6)}),
        (True, pa.bool_(), {"type": "boolean"}),
        (dt.date(1999, 12, 31), pa.date32(), {"type": "date"}),
        (dt.time(23, 59, 59, 999_999), pa.time64("us"), {"type": "time"}),
        (dt.datetime(2024, 3, 1, 4, 5, 6, 7, dt.UTC), pa.timestamp("us", "UTC"), {"type": "timestamp"}),
        (dt.datetime(2024, 3, 1, 23, 0, 0, 1, dt.UTC), pa.timestamp("us", "+08:00"), {"type": "timestamp"}),
    ],
)
def test_the_contracts_type_reads_back_the_very_value(
    decoded: Decode, value: object, kind: pa.DataType, column: dict[str, Any]
):
    [(text,)] = decoded(parquet({"v": pa.array([value], kind)}), PARQUET, "v").cells
    declared = Column(name="v", source="v", **{"type": "number", **column})
    contract = plain_contract("longyou.samples", declared, level="community", format=PARQUET, path=__file__)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        read = con.execute(f"SELECT {typed(declared, contract)} FROM (SELECT ? AS v)", [text]).fetchone()
    assert read == (value,)


def test_structures_are_looked_into_by_dotted_sources(decoded: Decode):
    kind = pa.struct([("lng", pa.float64()), ("lat", pa.float64()), ("note", pa.string())])
    places = pa.array([{"lng": 120.5, "lat": 30.0, "note": "a"}, None], kind)
    body = parquet({"id": pa.array(["1", "2"]), "place": places})
    outcome = decoded(body, PARQUET, "id", "place.lng", "place.lat")
    assert outcome.cells == [("1", "120.5", "30"), ("2", None, None)]
    assert outcome.decoded.unknown == ("place.note",)
    whole = decoded(body, PARQUET, "place", ignored=("id",)).cells
    assert whole == [('{"lng":120.5,"lat":30.0,"note":"a"}',), (None,)]


def test_missing_and_unknown_headings_are_told(decoded: Decode):
    body = parquet({"编号": pa.array(["1"]), "备注": pa.array(["x"])})
    outcome = decoded(body, PARQUET, "编号", "读数")
    assert (outcome.decoded.missing, outcome.decoded.unknown) == (("读数",), ("备注",))
    assert outcome.cells == [("1", None)]


def test_rows_count_where_no_column_is_known(decoded: Decode):
    assert decoded(parquet({"a": pa.array([1, 2, 3])}), PARQUET, "b").cells == [(None,)] * 3


def test_names_that_differ_in_case_or_have_quotes_are_told_apart(decoded: Decode):
    body = parquet({'a"b': pa.array([1]), "Id": pa.array([2]), "x.y": pa.array([3])})
    outcome = decoded(body, PARQUET, 'a"b', "Id", "x.y")
    assert outcome.cells == [("1", "2", "3")]


def test_a_file_without_rows_is_no_fault(decoded: Decode):
    outcome = decoded(parquet({"a": pa.array([], pa.string())}), PARQUET, "a")
    assert (outcome.cells, outcome.decoded.missing) == ([], ())


def test_rows_keep_their_order_over_row_groups_and_bodies(decoded: Decode):
    numbers = list(range(50_000))
    body = parquet({"n": pa.array(numbers)}, row_group_size=777)
    found = decoded([body, body], PARQUET, "n").cells
    assert found == [(str(n),) for n in numbers] * 2


def damaged() -> bytes:
    body = bytearray(parquet({"a": pa.array([str(n) for n in range(5000)])}, compression="zstd"))
    body[40:400] = b"\xff" * 360
    return bytes(body)


def encrypted(*, plaintext_footer: bool) -> bytes:
    class Keys(pe.KmsClient):
        def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
            return key_bytes

        def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
            return wrapped_key

    made = pe.CryptoFactory(lambda _: Keys()).file_encryption_properties(
        pe.KmsConnectionConfig(custom_kms_conf={}),
        pe.EncryptionConfiguration(
            footer_key="f", column_keys={"c": ["a"]}, plaintext_footer=plaintext_footer
        ),
    )
    return parquet({"a": pa.array(["geheim"])}, encryption_properties=made)


GOOD = parquet({"a": pa.array([str(n) for n in range(100)])})


@pytest.mark.parametrize(
    ("body", "given"),
    [
        (b"", "an empty file"),
        (b"a,b\n1,2\n", "something else"),
        (b"<!DOCTYPE html><html></html>", "something else"),
        (b"PAR1", "cut off"),
        (GOOD[:-20], "cut off"),
        (GOOD[:-8] + b"\xff\xff\xff\x7fPAR1", "a damaged file"),
        (b"PAR1" + b"\0" * 100 + b"PAR1", "a damaged file"),
        (damaged(), "a damaged file"),
        (encrypted(plaintext_footer=False), "an encrypted file"),
        (encrypted(plaintext_footer=True), "encrypted columns"),
    ],
)
def test_what_is_no_whole_plain_parquet_is_refused_with_the_reason(decoded: Decode, body: bytes, given: str):
    with pytest.raises(UnreadableError, match=given):
        decoded(body, PARQUET, "a")


def test_a_heading_twice_is_refused(decoded: Decode):
    sink = io.BytesIO()
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), sink)
    with pytest.raises(UnreadableError, match="more than once"):
        decoded(sink.getvalue(), PARQUET, "a")


def test_a_type_without_a_text_is_refused_by_its_name(decoded: Decode):
    body = parquet({"dauer": pa.array([dt.timedelta(1)], pa.duration("us"))})
    with pytest.raises(UnreadableError, match="dauer, duration"):
        decoded(body, PARQUET, "dauer")
    assert decoded(body, PARQUET, "x", ignored=("dauer",)).decoded.rows == 1


@pytest.mark.parametrize(
    ("many", "options"),
    [
        (lambda: pa.repeat("x" * 100_000, 500), {"use_dictionary": False}),
        (lambda: pa.repeat("x" * 100_000, 500), {}),
        (lambda: pa.repeat(0, 20_000_000), {}),
        (lambda: pa.ListArray.from_arrays(range(0, 20_000_001, 2_000_000), pa.repeat(0, 20_000_000)), {}),
    ],
    ids=["pages of zeros", "one text for all", "one number for all", "lists"],
)
def test_a_few_bytes_that_stand_for_very_many_are_refused(
    decoded: Decode, many: Callable[[], pa.Array], options: dict[str, Any]
):
    body = parquet({"a": many()}, compression="zstd", **options)
    assert len(body) < 100_000
    with pytest.raises(UnreadableError, match="too much"):
        decoded(body, PARQUET, "a", limits=Limits(ratio_from_bytes=8 * 2**20))
