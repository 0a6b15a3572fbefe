"""What retention lets go is gone, what something rests on stays, and the books say what they said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from old_city import RETENTION, SECRET, WHO, old_city
from one_city import DATASET, HEADER, City
from published import build_small, publish_small

from shanhai.errors import BusyError, DamagedError, DeniedError
from shanhai.ingest.books import table_net
from shanhai.ingest.check import check
from shanhai.ingest.decide import decide
from shanhai.ingest.files import in_turn
from shanhai.ingest.kept import bodies_stay
from shanhai.ingest.ledger import ledger
from shanhai.ingest.load import open_table
from shanhai.ingest.purge import Purged, plan, purge
from shanhai.ingest.quarantine import groups
from shanhai.ingest.recount import recount
from shanhai.ingest.refused_rows import require_refused_rows
from shanhai.ingest.sidecar import body_key, sidecar
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage
from shanhai.report.verify import verify
from shanhai.report.write import write_report
from shanhai.storage import ObjectStore
from shanhai.warehouse.build import one_at_a_time


@pytest.fixture(scope="module")
def grown_old(tmp_path_factory: pytest.TempPathFactory) -> City:
    return old_city(tmp_path_factory.mktemp("old"))


@pytest.fixture
def old(grown_old: City, tmp_path: Path) -> City:
    return grown_old.copied(tmp_path / "node")


def going(city: City) -> set[tuple[str, str]]:
    found = plan(city.node, [DATASET])
    return {(item.delivery.partition, item.ruling.part) for item in found if item.ruling.goes}


def why(city: City, partition: str, part: str) -> str:
    found = plan(city.node, [DATASET])
    (item,) = [one for one in found if (one.delivery.partition, one.ruling.part) == (partition, part)]
    assert not item.ruling.goes
    return item.ruling.why


def body_of(city: City, partition: str) -> Path:
    (body,) = sidecar(city.node, city.delivery(partition)).bodies
    return city.node.home / "snapshots" / body_key(body.sha256)


def run(city: City) -> Purged:
    return purge(city.node, [DATASET])


def told(city: City) -> dict[str, Any]:
    """Everything that counts and that must be the same before and after."""
    return {
        "ledger": [(row.delivery.key, row.counts, row.verdict, row.reason) for row in ledger(city.node)],
        "reasons": city.quarantined(),
        "rows": city.rows("id, n, _delivery"),
    }


def texts(home: Path) -> Iterator[str]:
    """Every value in every Parquet file that is staged or in quarantine, as text."""
    for folder in ("quarantine", "staged", "lake/_system"):
        for file in sorted((home / folder).rglob("*.parquet")):
            with duckdb.connect() as con:
                for row in con.execute("SELECT * FROM read_parquet(?)", [file.as_posix()]).fetchall():
                    yield from map(str, row)


def test_what_goes_is_what_nothing_rests_on(old):
    assert going(old) == {
        ("first", "quarantine"),
        ("first", "snapshot"),
        ("stays", "quarantine"),
        ("twin", "quarantine"),
        ("twin", "snapshot"),
        ("back", "quarantine"),
        ("back", "snapshot"),
        ("bad", "quarantine"),
        ("bad", "snapshot"),
    }
    assert "held" in why(old, "waits", "quarantine")
    assert "held" in why(old, "waits", "snapshot")
    assert why(old, "stays", "snapshot") == "needed: the table has 1 rows of it"
    assert why(old, "second", "snapshot") == "needed: the table has 2 rows of it"


def test_a_publication_within_the_retention_holds_the_bytes(old):
    old.now -= timedelta(days=15)
    assert why(old, "back", "snapshot") == "needed: rows of it are in publication 2"
    assert ("first", "snapshot") in going(old)


def test_the_newest_publication_and_the_last_build_hold_the_bytes_for_ever(city):
    city.declare(retention=RETENTION)
    city.put("a.csv", f"{HEADER}a,1,2024-01-01\n")
    city.put("b.csv", f"{HEADER}b,1,2024-01-01\n")
    city.walk()
    publish_small(city)
    decide(city.node, city.delivery("a"), "withdraw", **WHO)
    city.now += timedelta(days=1000)
    assert going(city) == set()
    assert why(city, "a", "snapshot") == "needed: rows of it are in publication 1"

    decide(city.node, city.delivery("a"), "approve", **WHO)
    decide(city.node, city.delivery("b"), "withdraw", **WHO)
    publish_small(city)
    decide(city.node, city.delivery("b"), "approve", **WHO)
    build_small(city)
    decide(city.node, city.delivery("b"), "withdraw", **WHO)
    city.now += timedelta(days=1000)
    assert "last build" in why(city, "b", "snapshot")


def test_what_was_decided_lately_may_be_undone(old):
    decide(old.node, old.delivery("later"), "withdraw", **WHO)
    publish_small(old)
    old.now += timedelta(days=6)
    assert "may be undone" in why(old, "later", "snapshot")
    old.now += timedelta(days=1)
    assert ("later", "snapshot") in going(old)


def test_a_purge_takes_the_values_and_leaves_the_counts(old):
    before, stays = told(old), body_of(old, "stays")
    gone = [body_of(old, partition) for partition in ("first", "back", "bad")]
    assert sum(SECRET in text for text in texts(old.node.home)) >= 18
    assert all(file.is_file() for file in gone)

    done = run(old)

    assert told(old) == before
    assert [file for file in gone if file.exists()] == []
    assert stays.is_file()
    assert body_of(old, "twin") == stays
    assert not done.waiting
    assert {row.counts.balanced for row in ledger(old.node)} == {True}
    left = [text for text in texts(old.node.home) if SECRET in text]
    assert len(left) == 2 * 6, "those of the held delivery, in its file and in the table of the books"
    assert {group.state for group in groups(old.node, delivery=old.delivery("bad"))} == {"purged"}
    assert run(old).items == ()
    assert run(old).erased.files == 0


def test_what_was_purged_stays_so_whatever_is_decided_afterwards(old):
    run(old)
    decide(old.node, old.delivery("stays"), "withdraw", **WHO)
    gone = table_net(open_table(old.node, DATASET))[str(old.delivery("stays"))].purged
    assert gone == {"quarantine"}
    old.now += timedelta(days=1)
    assert ("stays", "quarantine") not in going(old)
    entries_before = told(old)
    run(old)
    assert told(old) == entries_before
    write_report(old.node)
    assert verify(old.node, old.node.home / "report").differences == []


def test_a_body_goes_with_the_last_delivery_that_has_it(old):
    run(old)
    shared = body_of(old, "stays")
    decide(old.node, old.delivery("stays"), "withdraw", **WHO)
    assert ("c", str(old.delivery("twin"))) in old.rows("id, _delivery"), "its row had lost to an equal one"
    old.put("more.csv", f"{HEADER}m,1,2024-01-01\n")
    old.walk()
    publish_small(old)
    old.now += timedelta(days=200)
    assert ("stays", "snapshot") in going(old)
    run(old)
    assert shared.is_file(), "the table has a row of the twin, that was purged before"

    decide(old.node, old.delivery("twin"), "withdraw", **WHO)
    publish_small(old)
    old.now += timedelta(days=200)
    run(old)
    assert not shared.exists()


def test_good_rows_of_what_was_accepted_stay_for_later_withdrawals(old):
    run(old)
    assert old.rows() == [("a", 2), ("c", 3), ("k", 1), ("z", 2)]
    decide(old.node, old.delivery("second"), "withdraw", **WHO)
    assert old.rows() == [("a", 1), ("c", 3), ("k", 1), ("z", 1)]
    assert {row.counts.balanced for row in ledger(old.node)} == {True}


def test_a_purged_delivery_cannot_be_staged_again(old):
    run(old)
    for partition in ("back", "bad"):
        with pytest.raises(DeniedError, match="purged"):
            decide(old.node, old.delivery(partition), "approve", **WHO)
    with pytest.raises(DeniedError, match="purged"):
        recount(old.node, old.delivery("bad"))
    assert recount(old.node, old.delivery("stays")).agrees


def test_looking_changes_nothing_and_tells_the_sizes(old):
    def everything() -> dict[str, bytes]:
        files = [file for file in old.node.home.rglob("*") if file.is_file()]
        return {file.relative_to(old.root).as_posix(): file.read_bytes() for file in files}

    before = everything()
    items = {(one.delivery.partition, one.ruling.part): one for one in plan(old.node, [DATASET])}
    assert everything() == before
    assert items["bad", "snapshot"].size == body_of(old, "bad").stat().st_size
    assert (items["twin", "snapshot"].size, items["twin", "snapshot"].shared) == (0, 1)
    assert items["bad", "quarantine"].size > 0


def test_while_something_is_pulled_bodies_wait(old):
    gone = body_of(old, "bad")
    with bodies_stay(old.node):
        done = run(old)
        assert done.waiting
        assert gone.is_file()
    assert not run(old).waiting
    assert not gone.exists()


def test_while_something_is_built_nothing_is_decided(old):
    with one_at_a_time(old.node.settings), pytest.raises(BusyError):
        run(old)
    assert going(old)


def test_a_damaged_file_stops_no_other_delivery(old):
    (file,) = old.node.quarantine.glob(f"{old.delivery('bad').key}-*")
    content, contracts = file.read_bytes(), old.node.home / "contracts"
    file.write_bytes(content[:-1])
    contracts.rename(contracts.with_suffix(".away"))
    with pytest.raises(DamagedError, match="not the one that was committed"):
        run(old)
    assert going(old) == {("bad", "quarantine"), ("bad", "snapshot")}
    contracts.with_suffix(".away").rename(contracts)
    assert len(run(old).items) == 2, "the file was made again, and its texts are gone"
    assert going(old) == set()
    assert not file.exists()


class _Meanwhile:
    """A store of snapshots; before its first bytes are read, something else happens."""

    def __init__(self, store: ObjectStore, work: Callable[[], object]) -> None:
        self._store, self._work = store, [work]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._store, name)

    def local_path(self, key: str) -> Any:
        while self._work:
            self._work.pop()()
        return self._store.local_path(key)


def test_no_text_comes_back_that_a_purge_took_meanwhile(old):
    bad = old.delivery("bad")
    net = table_net(open_table(old.node, DATASET))[str(bad)]
    (file,) = old.node.quarantine.glob(f"{bad.key}-*")
    file.unlink()
    node = replace(old.node, snapshots=_Meanwhile(old.node.snapshots, lambda: run(old)))
    with bodies_stay(old.node), pytest.raises(DamagedError, match="is not made again: staging it again"):
        require_refused_rows(node, net.staged)
    (left,) = old.node.quarantine.glob(f"{bad.key}-*")
    assert left != file
    assert duckdb.execute("FROM read_parquet(?) WHERE raw IS NOT NULL", [str(left)]).fetchall() == []


def test_what_a_killed_process_left_aside_goes(old):
    room = old.node.home / "scratch" / "recount" / "left"
    (room / "quarantine").mkdir(parents=True)
    with in_turn(room):
        run(old)
        assert room.is_dir(), "somebody is at work there"
    run(old)
    assert not room.exists()


def test_bytes_that_a_source_still_offers_go_again(old):
    run(old)
    assert pull(old.node, DATASET) == []
    assert body_of(old, "bad").is_file()
    done = run(old)
    assert done.items == ()
    assert not body_of(old, "bad").exists()


def test_a_pull_of_other_data_finds_its_bytes_after_a_purge(old):
    run(old)
    (old.data / "bad.csv").rename(old.data / "bad2.csv")
    (new,) = pull(old.node, DATASET)
    assert run(old).items == ()
    assert stage(old.node, new).rows_in == 10
    assert check(old.node, new).verdict == "refused"
