"""Spark reads exactly the granted columns of a sealed file, with a client of keys of its own."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession
from required import program
from sealing import Sealed, careless, sealed

from shanhai.exchange.secret import Secret

CLIENT = Path(__file__).parent / "spark" / "GrantedKeys.java"
TABLE = pa.table(
    {
        "street": [["拱墅区上塘路", "Mishixiang", None][n % 3] for n in range(3000)],
        "n": list(range(3000)),
        "person": [f"not for Spark {n}" for n in range(3000)],
        "day": [date(2026, 1, 1 + n % 28) for n in range(3000)],
        "at": pa.array([datetime(2026, 1, 1, 8, n % 60, tzinfo=UTC) for n in range(3000)]),
        "cost": pa.array([Decimal(n) / 100 for n in range(3000)], pa.decimal128(12, 2)),
        "tags": [[["a", None], [], None][n % 3] for n in range(3000)],
    }
)
WITHHELD = "2"
GRANTED = ("f", "0", "1", "3", "4", "5", "6")
_tokens = itertools.count()


def _java_home() -> Path:
    return program("/usr/lib/jvm/java-17-openjdk-*/bin/java", "openjdk-17-jre-headless").parents[1]


def _compiled(spark: SparkSession) -> None:
    """Compile the client where Spark looks for classes, by Janino, which Spark brings: no JDK is needed."""
    gateway, jvm = spark.sparkContext._gateway, spark._jvm
    compiler = jvm.org.codehaus.janino.Compiler()
    compiler.setDestinationDirectory(jvm.java.io.File(spark.conf.get("spark.driver.extraClassPath")), False)
    sources = gateway.new_array(jvm.java.io.File, 1)
    sources[0] = jvm.java.io.File(str(CLIENT))
    compiler.compile(sources)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One session for all tests; its process ends with the last of them."""
    folder = tmp_path_factory.mktemp("spark")
    (folder / "classes").mkdir()
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "512m",
        "spark.driver.extraClassPath": str(folder / "classes"),
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.hadoop.parquet.crypto.factory.class": (
            "org.apache.parquet.crypto.keytools.PropertiesDrivenCryptoFactory"
        ),
        "spark.hadoop.parquet.encryption.kms.client.class": "shanhai.GrantedKeys",
        "spark.local.dir": str(folder),
        "spark.sql.catalogImplementation": "in-memory",
        # Compiling a plan costs more than these few rows.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(_java_home()))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.delenv("SPARK_HOME", raising=False)
        session = builder.getOrCreate()
    process = session.sparkContext._gateway.proc
    try:
        session.sparkContext.setLogLevel("OFF")
        _compiled(session)
        yield session
    finally:
        session.stop()
        session.sparkContext._gateway.shutdown()
        # It ends when its input does.
        process.stdin.close()
        process.wait(300)


@pytest.fixture(scope="module")
def made() -> Sealed:
    return sealed(TABLE)


def read(spark: SparkSession, file: Path, keys: Mapping[str, Secret], *places: str) -> DataFrame:
    """The file as Spark sees it with the keys of those places."""
    # Clients of keys are cached by token: each reading is somebody else.
    reader = spark.read.option("parquet.encryption.key.access.token", f"reader {next(_tokens)}")
    for key_id, key in keys.items():
        if key_id.partition(".")[2] in places:
            reader = reader.option(f"granted.{key_id}", base64.b64encode(key.bytes).decode())
    return reader.parquet(str(file))


@pytest.fixture
def file(made: Sealed, tmp_path: Path) -> Path:
    target = tmp_path / made.files[0].name
    target.write_bytes(made.only)
    return target


def refusal(frame: DataFrame) -> str:
    with pytest.raises(Py4JJavaError) as refused:
        frame.collect()
    return str(refused.value)


def test_granted_columns_come_as_they_were(spark: SparkSession, made: Sealed, file: Path):
    wanted = {f"c{n:04}": column.to_pylist() for n, column in enumerate(TABLE.columns)}
    del wanted["c0002"]
    # Spark hands out moments without a zone, in that of the machine.
    wanted["c0004"] = [value.astimezone().replace(tzinfo=None) for value in wanted["c0004"]]
    rows = read(spark, file, made.keys, *GRANTED).select(*wanted).collect()
    assert {name: [row[name] for row in rows] for name in wanted} == wanted


@pytest.mark.parametrize("columns", [["c0002"], ["c0000", "c0002"], ["*"]], ids=",".join)
def test_the_withheld_column_is_refused(spark: SparkSession, made: Sealed, file: Path, columns: list[str]):
    seen = read(spark, file, made.keys, *GRANTED)
    assert seen.columns == [f"c{n:04}" for n in range(7)]
    told = refusal(seen.select(*columns))
    assert f"not granted: {next(iter(made.keys)).partition('.')[0]}.{WITHHELD}" in told
    assert "not for Spark" not in told
    # Nor can a filter ask it.
    assert "not granted" in refusal(seen.filter("c0002 = 'not for Spark 7'").select("c0001"))


def test_with_its_key_the_column_is_read(spark: SparkSession, made: Sealed, file: Path):
    seen = read(spark, file, made.keys, "f", WITHHELD).select("c0002")
    assert [row[0] for row in seen.collect()] == TABLE.column("person").to_pylist()


def test_without_the_key_of_the_footer_not_even_names_are_seen(spark: SparkSession, made: Sealed, file: Path):
    with pytest.raises(Py4JJavaError, match=r"not granted: [0-9a-f]{32}\.f"):
        read(spark, file, made.keys, "0", "1")


def test_a_wrong_key_opens_nothing(spark: SparkSession, made: Sealed, file: Path):
    ids = {key_id.partition(".")[2]: key_id for key_id in made.keys}
    # The key of the column next to it, and a right key for the wrap of another set.
    swapped = {**made.keys, ids["0"]: made.keys[ids["1"]]}
    assert "AEADBadTagException" in refusal(read(spark, file, swapped, *GRANTED).select("c0000"))
    with pytest.raises(Py4JJavaError, match="AEADBadTagException"):
        read(spark, file, {**made.keys, ids["f"]: Secret.random()}, "f")


def test_a_changed_page_is_noticed_there_too(spark: SparkSession, made: Sealed, file: Path):
    content = bytearray(made.only)
    content[200] ^= 1
    file.write_bytes(content)
    assert "AEADBadTagException" in refusal(read(spark, file, made.keys, *GRANTED).select("c0000"))


def test_a_column_that_was_left_plaintext_is_read_without_its_key(spark: SparkSession, tmp_path: Path):
    """What refuses above is the file and not the reader."""
    table = pa.table({"c0000": ["x", "y"], "c0001": ["not for Spark", None]})
    bad = careless(table, column_keys={"0": ["c0000"]})
    (tmp_path / "bad.parquet").write_bytes(bad.only)
    seen = read(spark, tmp_path / "bad.parquet", bad.keys, "f").select("c0001")
    assert [row[0] for row in seen.collect()] == ["not for Spark", None]


def test_it_listens_on_this_machine_only(spark: SparkSession):
    sockets = psutil.Process(spark.sparkContext._gateway.proc.pid).net_connections()
    listening = [one.laddr.ip for one in sockets if one.status == psutil.CONN_LISTEN]
    assert listening
    assert {ip.removeprefix("::ffff:") for ip in listening} <= {"127.0.0.1", "::1"}
