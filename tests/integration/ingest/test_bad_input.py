"""Bad input, end to end: a clear verdict or error, nothing half-loaded, nothing lost, the others go on."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from one_city import City

from shanhai.errors import ConfigurationError, DeniedError, SourceError
from shanhai.ids import DatasetId
from shanhai.ingest.decide import decide
from shanhai.ingest.ledger import LedgerRow, ledger
from shanhai.ingest.node import open_node
from shanhai.ingest.sidecar import sidecars
from shanhai.ingest.snapshot import pull
from shanhai.settings import read_settings
from tests.conformance.far_side import FarSide, Reply

DATASET = DatasetId("acity", "events")
GOOD = "编号,n,at\nz,1,2024-01-01\n"
HEADER = "编号,n,at\n"


def refused(city: City, *reasons: str) -> LedgerRow:
    """The delivery p1 was refused for these reasons, and p2 beside it was loaded."""
    city.put("p2.csv", GOOD)
    city.walk()
    row = city.ledger()["p1"]
    assert row.verdict == "refused", row
    for reason in reasons:
        assert reason in row.reason, row.reason
    assert row.counts.loaded == 0
    assert city.rows() == [("z", 1)]
    return row


def test_wrong_encoding_is_refused_row_by_row(city):
    city.put("p1.csv", (HEADER + "".join(f"龙{i},1,2024-01-01\n" for i in range(9))).encode("gb18030"))
    row = refused(city, "utf-8")
    assert row.counts.rows_in in (0, 9)


def test_an_empty_file_is_refused(city):
    city.put("p1.csv", b"")
    refused(city, "empty")


def test_headings_without_rows_are_held(city):
    city.put("p1.csv", HEADER)
    city.walk()
    assert city.ledger()["p1"].verdict == "held"
    assert "rows.min" in city.ledger()["p1"].reason


def test_a_person_may_say_that_nothing_was_to_come(city):
    """A holiday, of which the plausibility file knows nothing; and that it was none after all."""
    city.put("p1.csv", HEADER)
    city.put("p2.csv", b"")
    city.walk()
    who = {"by": "Li Wei", "reason": "a holiday"}
    for action, verdict in (("approve", "accepted"), ("withdraw", "withdrawn"), ("approve", "accepted")):
        decide(city.node, city.delivery("p1"), action, **who)
        row = city.ledger()["p1"]
        assert (row.verdict, row.counts.rows_in, row.counts.loaded) == (verdict, 0, 0)
    with pytest.raises(DeniedError, match="no good rows"):
        decide(city.node, city.delivery("p2"), "approve", **who)
    assert city.rows() == []


def test_a_missing_mandatory_column_is_refused(city):
    city.put("p1.csv", "编号,at\na,2024-01-01\n")
    refused(city, "missing mandatory heading: n")


def test_a_renamed_mandatory_column_is_refused_and_both_names_are_told(city):
    city.put("p1.csv", "编号,number,at\na,1,2024-01-01\n")
    refused(city, "missing mandatory heading: n", "unknown heading: number")


def test_a_lost_heading_line_puts_no_value_into_the_reason(city):
    city.put("p1.csv", "330825194910011234,张三,2024-01-01\n33082519491001124X,李四,2024-01-01\n")
    refused(city, "none of the 3 headings of the contract is there")
    reason = city.ledger()["p1"].reason
    assert not [value for value in ("330825", "张三", "2024") if value in reason]
    city.put("p2.csv", "编号,330825194910011234,张三\n")
    city.walk()
    assert "unknown heading: #2 (18 characters, not shown)" in city.ledger()["p2"].reason


def test_an_extra_column_is_held_for_a_person(city):
    city.put("p1.csv", "编号,n,at,备注\na,1,2024-01-01,x\n")
    city.walk()
    row = city.ledger()["p1"]
    assert (row.verdict, row.counts.withheld) == ("held", 1)
    assert "备注" in row.reason


def test_a_column_ignored_on_purpose_is_no_signal(make_city):
    city = make_city(ignored=["备注"])
    city.put("p1.csv", "编号,n,at,备注\na,1,2024-01-01,x\n")
    city.walk()
    assert city.ledger()["p1"].verdict == "accepted"


def test_ragged_lines_are_quarantined_alone(city):
    city.put("p1.csv", HEADER + "a,1,2024-01-01\nb,1\nc,2,2024-01-01,extra\nd,3,2024-01-01\n")
    city.walk()
    assert city.rows() == [("a", 1), ("d", 3)]
    assert city.quarantined() == [(2, ["malformed.ragged"]), (3, ["malformed.ragged"])]


def test_an_unterminated_quote_swallows_no_good_line(city):
    city.put("p1.csv", HEADER + 'a,1,2024-01-01\nb,"1,2024-01-01\nc,2,2024-01-01\nd,3,2024-01-01\n')
    city.walk()
    assert city.rows() == [("a", 1), ("c", 2), ("d", 3)]
    assert city.quarantined() == [(2, ["malformed.unterminated_quote"])]


def test_a_line_of_200_megabytes_is_quarantined_capped(city):
    file = city.data / "p1.csv"
    city.put("p1.csv", HEADER + "a,1,2024-01-01\n")
    with file.open("ab") as out:
        for _ in range(200):
            out.write(b"x" * 2**20)
        out.write(b"\nd,3,2024-01-01\n")
    city.walk()
    assert city.rows() == [("a", 1), ("d", 3)]
    assert city.quarantined() == [(2, ["malformed.line_too_long"])]
    assert sum(f.stat().st_size for f in city.node.quarantine.iterdir()) < 2**20


def test_ninety_percent_bad_rows_are_refused(city):
    city.put("p1.csv", HEADER + "".join(f"k{i},{'x' if i else 1},2024-01-01\n" for i in range(10)))
    row = refused(city, "9 of 10 rows are bad")
    assert (row.counts.quarantined, row.counts.withheld) == (9, 1)


def bomb() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("p1.csv", "w") as member:
        member.write(HEADER.encode())
        for _ in range(300):
            member.write(b"0" * 2**20)
    return held.getvalue()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (lambda: bomb(), "bomb"),
        (lambda: gzip.compress(GOOD.encode() * 50)[:-12], "gz"),
        (lambda: b"PK\x03\x04 not really a zip", "zip"),
        (lambda: b"<!DOCTYPE html><html><body>Sign in</body></html>", "HTML"),
        (lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), ""),
    ],
    ids=["zip bomb", "torn gz", "broken zip", "a web page", "a picture"],
)
def test_what_is_no_table_is_refused(city, body: Callable[[], bytes], told: str):
    city.put("p1.csv", body())
    refused(city, told)


def test_an_unknown_connector_names_the_known_ones(make_city):
    city = make_city(source={"connector": "fax", "endpoint": "data", "options": {}})
    with pytest.raises(ConfigurationError, match=r"fax.*files.*rest"):
        pull(city.node, DATASET)


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/hostname", "link.csv"])
def test_a_path_outside_the_roots_is_denied(make_city, tmp_path, path):
    city = make_city(source={"connector": "files", "endpoint": "data", "options": {"path": path}})
    city.put("inside.csv", GOOD)
    (tmp_path / "secret.csv").write_text(GOOD)
    (city.root / "secret.csv").write_text(GOOD)
    (city.data / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises((DeniedError, ConfigurationError)):
        pull(city.node, DATASET)
    assert sidecars(city.node, DATASET) == []


WAYS = {
    "html": Reply(b"<html><body>maintenance</body></html>", media_type="text/html"),
    "500": Reply(b"", status=500),
    "cut": Reply(b"half", announced=1000, cut_after=4),
    "slow": Reply(GOOD.encode(), pause=2.0, piece=1),
}


@pytest.mark.parametrize("way", [*WAYS, "down"])
def test_a_source_that_fails_leaves_nothing_and_may_be_retried(make_city, way):
    city = make_city(source={"connector": "files", "endpoint": "data", "options": {"path": "p1.csv"}})
    settings = read_settings(
        home=city.root / "home", federation=city.root, http_attempts=2, http_timeout_seconds=0.5
    )
    node = open_node(settings, clock=city.clock)
    with FarSide(lambda _: WAYS[way]) as source:
        address = "http://127.0.0.1:9" if way == "down" else source.address
        (node.home / "endpoints.yml").write_text(f"acity.data: {address}\n")
        with pytest.raises(SourceError) as caught:
            pull(node, DATASET)
    assert caught.value.recovery == "retry"
    assert sidecars(node, DATASET) == []
    assert ledger(node) == []


def as_nobody(work: Callable[[], object]) -> str:
    """The class and text of what `work` raises when done by a user without rights, also when root tests."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            work()
        except BaseException as error:  # noqa: BLE001 - told to the parent, whatever it is
            os.write(writer, f"{type(error).__name__} {error}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as told:
        return told.read()


def test_a_read_only_state_folder_is_told():
    with tempfile.TemporaryDirectory() as folder:
        city, home = City(Path(folder)), Path(folder) / "home"
        city.declare()
        city.root.chmod(0o755)
        home.mkdir(mode=0o555)
        settings = read_settings(home=home, federation=city.root)
        told = as_nobody(lambda: open_node(settings))
    assert told.startswith("StoreError"), told
    assert "cannot be written" in told
    assert "who owns it" in told


def test_a_state_folder_that_is_a_file_is_told(make_city, tmp_path: Path):
    city = make_city()
    home = tmp_path / "home"
    home.write_text("in the way")
    with pytest.raises(ConfigurationError, match="SHANHAI_HOME: no folder"):
        open_node(read_settings(home=home, federation=city.root))
    assert home.read_text() == "in the way"


def test_text_that_is_not_in_the_stated_encoding_from_its_first_byte_on_is_refused(make_city):
    city = make_city(format={"kind": "csv", "encoding": "utf-16"})
    city.put("p1.csv", GOOD)
    city.put("p2.csv", GOOD.encode("utf-16"))
    city.walk()
    assert city.ledger()["p1"].verdict == "refused"
    assert "not text in the stated encoding; allowed: utf-16" in city.ledger()["p1"].reason
    assert city.rows() == [("z", 1)]
