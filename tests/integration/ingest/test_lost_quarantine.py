"""A quarantine file that is lost before the books follow: made again if its bytes come out, else told of."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from another_dataset import OTHERS, declare_another
from at_once import at_once
from killed_once import killed_at, named
from one_city import DATASET, HEADER, City
from plain_state import differences, read_state

from shanhai.cli import main
from shanhai.errors import DamagedError
from shanhai.ingest import walk
from shanhai.ingest.ledger import ledger, ledger_as_it_is
from shanhai.ingest.reconcile import reconcile
from shanhai.ingest.sidecar import body_key, sidecars

TOLERANCES = {
    "accepted": {"hold": 0.8, "refuse": 0.9},
    "held": {"hold": 0.1, "refuse": 0.9},
    "refused": {"hold": 0.1, "refuse": 0.2},
}


def _walked(city: City, verdict: str) -> Path:
    """The quarantine file of a delivery with that verdict, whose rows the books do not have yet."""
    city.declare(tolerance=TOLERANCES[verdict])
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\nb,x,2024-01-01\n")
    city.walk()
    (file,) = city.node.quarantine.iterdir()
    return file


def _lost(file: Path, how: str) -> None:
    if how == "gone":
        file.unlink()
    else:
        file.chmod(0o600)
        file.write_bytes(file.read_bytes()[:-5] + b"12345")


@pytest.mark.parametrize("verdict", TOLERANCES)
@pytest.mark.parametrize("how", ["gone", "altered"])
def test_a_lost_file_is_made_again_byte_for_byte_when_the_books_follow(
    city: City, verdict: str, how: str
) -> None:
    file = _walked(city, verdict)
    before = file.read_bytes()
    (delivery,) = (one.id for one in sidecars(city.node, DATASET))
    staged = {one.name: one.stat().st_mtime_ns for one in city.staging(delivery).iterdir()}
    _lost(file, how)
    reconcile(city.node)
    assert file.read_bytes() == before
    assert file.stat().st_mode & 0o777 == 0o600
    assert city.quarantined() == [(2, ["n.type"])]
    assert ledger(city.node)[0].verdict == verdict
    assert {one.name: one.stat().st_mtime_ns for one in city.staging(delivery).iterdir()} == staged
    assert list((city.node.home / "scratch" / "recount").iterdir()) == []


@pytest.mark.parametrize(("when", "how"), [("before", "altered"), ("after", "gone")])
def test_killed_as_it_takes_its_place_the_next_one_makes_a_home_in_which_nothing_was_lost(
    make_city: Callable[[], City], when: str, how: str
) -> None:
    city = make_city()
    file = _walked(city, "accepted")
    whole, clean = file.read_bytes(), city.copied(city.root.with_name("clean"))
    _reconciled(clean.root)
    _lost(file, how)
    write = named("quarantine file that was lost")
    assert killed_at(write, when, _reconciled, city.root) == -signal.SIGKILL
    assert (file.is_file() and file.read_bytes() == whole) is (when == "after")
    _reconciled(city.root)
    assert differences(read_state(clean.root / "home"), read_state(city.root / "home")) == []
    assert list((city.root / "home" / "scratch" / "recount").iterdir()) == [] or when == "after"


def test_two_make_it_again_at_once(make_city: Callable[[], City]) -> None:
    city = make_city()
    file = _walked(city, "held")
    whole, clean = file.read_bytes(), city.copied(city.root.with_name("clean"))
    _reconciled(clean.root)
    file.unlink()
    assert at_once(_reconciled_at_once, city.root) == [0, 0]
    assert file.read_bytes() == whole
    assert differences(read_state(clean.root / "home"), read_state(city.root / "home")) == []
    assert list((city.root / "home" / "scratch" / "recount").iterdir()) == []


@pytest.mark.parametrize("verdict", ["accepted", "held"])
def test_a_file_that_cannot_be_made_again_stops_no_other_dataset(tmp_path: Path, verdict: str) -> None:
    city = City(tmp_path)
    file = _walked(city, verdict)
    _second_dataset(city)
    file.unlink()
    shutil.rmtree(city.node.home / "contracts")
    with pytest.raises(DamagedError, match="is not made again") as refused:
        reconcile(city.node)
    # No replay helps either, without the contract of then.
    assert refused.value.hint == "restore the file from a copy of the home"
    assert {str(row.delivery.dataset) for row in ledger_as_it_is(city.node)} == {
        "acity.events",
        "acity.others",
    }
    before = (city.node.books("quarantine") / "_delta_log").iterdir()
    assert any("acity.others" in one.read_text() for one in before if one.suffix == ".json")


def test_bytes_that_are_gone_too_are_what_is_told(tmp_path: Path) -> None:
    city = City(tmp_path)
    file = _walked(city, "refused")
    file.unlink()
    (delivery,) = sidecars(city.node, DATASET)
    body = city.node.home / "snapshots" / body_key(delivery.bodies[0].sha256)
    body.chmod(0o600)
    body.write_bytes(b"x" * body.stat().st_size)
    with pytest.raises(DamagedError, match="not those that were pulled"):
        reconcile(city.node)
    assert not file.exists()


def _reconciled(root: Path) -> int:
    return main(["--home", str(root / "home"), "--federation", str(root), "reconcile"])


def _reconciled_at_once(root: Path, start: Any, outcome: Any) -> None:
    start.wait()
    outcome.put(_reconciled(root))


def _second_dataset(city: City) -> None:
    """Another dataset after the first one, walked, with a refused row of its own."""
    rows = f"{HEADER}a,1,2024-01-01\nb,x,2024-01-01\n"
    declare_another(city, rows, tolerance=TOLERANCES["accepted"])
    walk.walk(city.node, OTHERS)
