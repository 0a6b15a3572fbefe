"""What lies in the home is lost, cut off or altered: nothing false is booked, and the walk recovers."""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
import resource
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from at_once import at_once
from one_city import COLUMNS, HEADER

from shanhai.errors import DamagedError, DiskFullError, NotFoundError, ShanhaiError, StoreError
from shanhai.ids import DatasetId
from shanhai.ingest import walk
from shanhai.ingest.check import check
from shanhai.ingest.decide import decide
from shanhai.ingest.load import load, open_table
from shanhai.ingest.node import open_node
from shanhai.ingest.pending import pending
from shanhai.ingest.replay import replay
from shanhai.ingest.sidecar import body_key, sidecar, sidecar_key
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import GOOD, SCRATCH, stage
from shanhai.report.verify_files import files
from shanhai.settings import Settings
from shanhai.warehouse.lake import LakeTable

DATASET = DatasetId("acity", "events")
ROWS = "编号,n,at\na,1,2024-01-01\nb,2,2024-01-01\nc,x,2024-01-01\n"
OTHER = "编号,n,at\ny,1,2024-01-01\nz,2,2024-01-01\n"


@pytest.fixture
def pulled(city):
    city.put("p1.csv", ROWS)
    city.put("p2.csv", OTHER)
    pull(city.node, DATASET)
    return city


def _first(city):
    return next(known for known in pending(city.node, DATASET) if known.partition == "p1")


def _body(city, delivery):
    (body,) = sidecar(city.node, delivery).bodies
    return city.node.home / "snapshots" / body_key(body.sha256)


@pytest.mark.parametrize("cut", [0, 40])
def test_a_damaged_sidecar_is_named_and_mended_by_its_copy(pulled, cut):
    file = pulled.node.home / "snapshots" / sidecar_key(_first(pulled))
    original = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(original[:cut])
    with pytest.raises(DamagedError, match=r"a sidecar of acity\.events is damaged") as told:
        pulled.walk()
    assert (told.value.given, told.value.__cause__) == (str(file), None)
    file.write_bytes(original)
    assert pulled.walk()["loaded"] == 4


def test_altered_bytes_are_not_booked_under_the_digest_of_others(pulled):
    first = _first(pulled)
    body = _body(pulled, first)
    original = body.read_bytes()
    body.write_bytes(original.replace(b"a,1", b"a,7"))
    with pytest.raises(DamagedError, match="not those that were pulled"):
        walk.stage_step(pulled.node, DATASET)
    walk.check_step(pulled.node, DATASET)
    walk.load_step(pulled.node, DATASET)
    assert pending(pulled.node, DATASET) == [first]
    body.unlink()
    assert pulled.walk()["loaded"] == 2
    assert body.read_bytes() == original
    assert pulled.rows() == [("a", 1), ("b", 2), ("y", 1), ("z", 2)]


@pytest.mark.parametrize("lost", [SCRATCH, GOOD, "staging.json"])
def test_a_staged_file_that_is_lost_before_the_check_is_made_again(pulled, lost):
    first = _first(pulled)
    stage(pulled.node, first)
    (pulled.staging(first) / lost).unlink()
    assert pulled.walk()["loaded"] == 4


def test_a_good_file_that_was_cut_off_is_made_again(pulled):
    first = _first(pulled)
    stage(pulled.node, first)
    check(pulled.node, first)
    good = pulled.staging(first) / GOOD
    good.write_bytes(good.read_bytes()[:-20])
    assert pulled.walk()["loaded"] == 4


def test_a_good_file_whose_values_were_altered_is_not_loaded(pulled):
    first = _first(pulled)
    stage(pulled.node, first)
    check(pulled.node, first)
    good = pulled.staging(first) / GOOD
    table = pq.read_table(good)
    other = table.set_column(table.column_names.index("n"), "n", pa.array([8, 9], pa.int64()))
    pq.write_table(other, good)
    with pytest.raises(StoreError, match="not those that were staged"):
        load(pulled.node, first)
    assert pulled.walk()["loaded"] == 4
    assert pulled.rows() == [("a", 1), ("b", 2), ("y", 1), ("z", 2)]


def test_a_staging_that_breaks_off_leaves_no_good_file(pulled):
    """It could have as many rows as an earlier record tells, and not yet those that win."""
    first, node = _first(pulled), pulled.node
    node.quarantine.rmdir()
    with pytest.raises(StoreError):
        stage(node, first)
    assert not (pulled.staging(first) / GOOD).exists()
    assert pulled.walk()["loaded"] == 4


def test_what_is_intact_stays_until_it_was_staged_again(pulled):
    """Refused rows are lost, and the bytes cannot be read: good rows and the check stay."""
    pulled.walk()
    first = pulled.delivery("p1")
    folder, body = pulled.staging(first), _body(pulled, first)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert before.keys() == {GOOD, "staging.json", "validation.json"}
    for refused in pulled.node.quarantine.glob(f"{first.key}-*"):
        refused.unlink()
    original = body.read_bytes()
    body.write_bytes(original.replace(b"a,1", b"a,7"))
    with pytest.raises(DamagedError, match="not those that were pulled"):
        stage(pulled.node, first)
    assert {name: (folder / name).read_bytes() for name in before} == before
    body.write_bytes(original)
    stage(pulled.node, first)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert len(list(pulled.node.quarantine.glob(f"{first.key}-*"))) == 1


def test_rows_for_the_check_are_there_whole_or_not_at_all(city):
    city.put("p1.csv", "编号,n,at\na,x,2024-01-01\n")
    (first,) = pull(city.node, DATASET)
    stage(city.node, first)
    body = _body(city, first)
    original = body.read_bytes()
    (city.staging(first) / SCRATCH).unlink()
    body.write_bytes(original.replace(b"a,x", b"a,1"))
    with pytest.raises(DamagedError, match="not those that were pulled"):
        stage(city.node, first)
    with pytest.raises(NotFoundError, match="was not staged"):
        check(city.node, first)
    body.write_bytes(original)
    assert len(city.walk()["refused"]) == 1


@pytest.mark.parametrize("lost", [True, False])
def test_a_load_on_a_table_that_lost_a_file_says_so_and_waits_for_a_replay(city, lost):
    city.put("p1.csv", ROWS)
    city.walk()
    table = open_table(city.node, DATASET)
    (file,) = (table.path / name for name in table.files())
    whole = file.read_bytes()
    file.unlink()
    if not lost:
        file.write_bytes(whole[:-9])
    city.put("p2.csv", OTHER)
    with pytest.raises(StoreError, match="gone, or was cut off"):
        city.walk()
    assert replay(city.node, city.delivery("p1")).mended
    city.walk()
    assert city.rows() == [("a", 1), ("b", 2), ("y", 1), ("z", 2)]


def _pin_register(city, *codes):
    file = city.root / "districts" / "codes.csv"
    file.write_text("code\n" + "".join(f"{code}\n" for code in codes))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    pinned = f"area_code: {{edition: '1', file: districts/codes.csv, column: code, sha256: {digest}}}\n"
    (city.root / "districts" / "registers.yml").write_text(pinned)


def test_lost_files_that_come_out_otherwise_are_never_taken_for_what_was_booked(city):
    """A register was pinned anew: staging on the terms of then gives other rows, at every attempt."""
    _pin_register(city, "330825", "330881")
    codes = {"property": "validators", "value": ["area_code"]}
    area = {"name": "area", "logicalType": "string", "customProperties": [codes]}
    city.declare([*COLUMNS, area])
    for name, rows in {"p1": "a,1,2024-01-01,330825\nb,2,2024-01-01,330881\n", "p2": ""}.items():
        city.put(f"{name}.csv", f"编号,n,at,area\n{rows}c,3,2024-01-02,330825\n")
    city.walk()
    before, booked = city.rows(), city.ledger()["p1"].counts
    shutil.rmtree(city.node.staged(city.delivery("p1")))
    _pin_register(city, "330825")
    for _ in range(3):
        with pytest.raises(StoreError, match="other rows than were booked"):
            decide(city.node, city.delivery("p2"), "withdraw", by="Li", reason="x")
    assert (city.rows(), city.ledger()["p1"].counts) == (before, booked)
    replay(city.node, city.delivery("p1"))
    decide(city.node, city.delivery("p2"), "withdraw", by="Li", reason="x")
    assert city.rows() == [("a", 1), ("c", 3)]


@contextlib.contextmanager
def _no_file_beyond(size):
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def test_a_disk_that_fills_while_good_rows_are_written_is_told_as_such(city):
    choose = random.Random(1)
    lines = "".join(f"{choose.randbytes(40).hex()},1,2024-01-01\n" for _ in range(60_000))
    city.put("p1.csv", f"编号,n,at\n{lines}")
    (first,) = pull(city.node, DATASET)
    with _no_file_beyond(2**20), pytest.raises(DiskFullError, match="is full"):
        stage(city.node, first)
    assert stage(city.node, first).good == 60_000


def test_a_record_that_tells_other_counts_than_the_file_is_not_booked(pulled):
    first = _first(pulled)
    stage(pulled.node, first)
    check(pulled.node, first)
    record = pulled.staging(first) / "staging.json"
    told = re.sub(r'"good": 2', '"good": 1', re.sub(r'"rows_in": 3', '"rows_in": 2', record.read_text()))
    record.write_text(told)
    with pytest.raises(StoreError, match="not those that were staged"):
        load(pulled.node, first)
    assert first in pending(pulled.node, DATASET)
    assert pulled.walk()["loaded"] == 4
    assert pulled.ledger()["p1"].counts.rows_in == 3


def test_a_delivery_without_staged_files_is_withdrawn_and_approved_again(pulled):
    pulled.walk()
    first = pulled.delivery("p1")
    shutil.rmtree(pulled.node.home / "staged")
    decide(pulled.node, first, "withdraw", by="Li", reason="sent by mistake")
    decide(pulled.node, first, "approve", by="Li", reason="right after all")
    assert pulled.rows() == [("a", 1), ("b", 2), ("y", 1), ("z", 2)]


def test_a_check_without_staged_rows_says_so(pulled):
    first = _first(pulled)
    stage(pulled.node, first)
    (pulled.staging(first) / SCRATCH).unlink()
    with pytest.raises(NotFoundError, match="was not staged"):
        check(pulled.node, first)


def test_a_failure_that_nobody_foresaw_stops_no_other_delivery(pulled, caplog):
    first, done = _first(pulled), []

    def work(delivery):
        if delivery == first:
            raise ValueError("a value of the data")
        done.append(delivery.partition)

    with pytest.raises(ValueError, match="a value"):
        walk._each(pulled.node, DATASET, pending(pulled.node, DATASET), work, "done")
    assert done == ["p2"]
    assert "a value of the data" not in caplog.text


def _walk_elsewhere(settings: Settings, start, outcome) -> None:
    start.wait()
    try:
        outcome.put(walk.walk(open_node(settings), DATASET)["loaded"])
    except ShanhaiError as error:
        outcome.put(str(error))


def test_processes_that_walk_at_once_do_not_disturb_each_other(city):
    for number in range(4):
        lines = "".join(f"k{number}_{i},{i},2024-01-01\n" for i in range(500))
        city.put(f"p{number}.csv", f"编号,n,at\n{lines}")
    pull(city.node, DATASET)
    told = at_once(_walk_elsewhere, city.node.settings)
    assert all(isinstance(one, int) for one in told), told
    assert len(city.rows()) == 2000
    assert {row.counts.loaded for row in city.ledger().values()} == {500}


@pytest.mark.parametrize("rule", [{}, {"versions": {"rule": "append"}, "duplicates": "none"}])
def test_a_byte_of_any_file_of_a_table_is_noticed_and_a_replay_mends_it(make_city, rule):
    """Of files as they were staged, of what was left of others, and of those of a withdrawn delivery."""
    city = make_city(**rule)
    for name, rows in {
        "p1": "a,1,2024-01-01\nb,2,2024-01-01\nc,x,2024-01-01\n",
        "p2": "a,3,2024-01-02\n",
    }.items():
        city.put(f"{name}.csv", HEADER + rows)
        city.walk()
    for withdrawn in (False, True):
        if withdrawn:
            city.put("p3.csv", f"{HEADER}b,5,2024-01-03\n")
            city.walk()
            decide(city.node, city.delivery("p3"), "withdraw", by="Li", reason="x")
        city.quarantined()
        assert noticed(city) == []
        rows, table = city.rows(), open_table(city.node, DATASET)
        name = max(table.files(), key=lambda name: (name.endswith("-rest.parquet"), name))
        _alter(table.path / name)
        assert noticed(city) == [name]
        whose = "p2" if name.startswith(city.delivery("p2").key) else "p1"
        assert name.endswith("-rest.parquet") == (not rule and not withdrawn)
        assert replay(city.node, city.delivery(whose)).mended
        city.quarantined()
        assert (noticed(city), city.rows()) == ([], rows)


@pytest.mark.parametrize("name", ["ledger", "quarantine"])
def test_a_byte_of_a_projection_is_noticed(city, name):
    city.put("p1.csv", ROWS)
    city.walk()
    city.quarantined()
    (file,) = (city.node.books(name) / one for one in LakeTable.open(city.node.books(name)).files())
    _alter(file)
    assert file.name in noticed(city)


def noticed(city):
    """The files that are not what the commits say."""
    return [one.what.rpartition("/")[2] for one in files(city.node, lambda *_: None) if one]


def _alter(file):
    """One byte is another one; a second name of the file keeps what it had."""
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.unlink()
    file.write_bytes(content)


def test_texts_that_a_killed_check_looked_at_go_when_it_is_begun_again(pulled):
    first = _first(pulled)
    stage(pulled.node, first)
    left = pulled.staging(first) / "look-of-one-that-was-killed"
    left.mkdir()
    (left / "sample").write_text(ROWS)
    other = pulled.staging(first).with_name("staged-under-another-contract") / "look-before"
    other.mkdir(parents=True)
    check(pulled.node, first)
    assert not left.exists()
    assert not other.exists()
