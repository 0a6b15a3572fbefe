"""A received application is used once a person adopts it: whole, as it came, under a grant, in one step."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sent_applications import (
    CONTRACTS,
    FIRST,
    NAME,
    adopted,
    expected,
    hidden,
    two_versions,
    used,
    waiting_folder,
)
from sent_parcels import DAY, kinds, looked_at, received, say, upload
from two_nodes import NodeHome, Two, copied

from shanhai.applications import switching
from shanhai.applications.comparing import Difference
from shanhai.applications.switching import Place, exchange
from shanhai.audit.database import FILE
from shanhai.audit.log import EventLog
from shanhai.clock import system_clock
from shanhai.courier import adopting, adoptions, outbox, partners, waiting
from shanhai.courier.adopting import adopt, retire
from shanhai.courier.candidates import candidates, chosen, standing_of, would_change
from shanhai.courier.status import status
from shanhai.errors import BusyError, ConfigurationError, DataError, DeniedError, NotFoundError
from shanhai.exchange.bodies import End
from shanhai.exchange.failures import Refused
from shanhai.exchange.grants import Grant
from shanhai.report.adopted import read_adopted


@pytest.fixture(scope="module")
def came(nodes: Two, tmp_path_factory: pytest.TempPathFactory) -> tuple[Two, Grant]:
    """Two versions wait; nobody alters them."""
    two = copied(nodes, tmp_path_factory.mktemp("came"))
    return two, two_versions(two)


@pytest.fixture
def two(came: tuple[Two, Grant], tmp_path: Path) -> Two:
    """A copy to be altered; both nodes go on at the relay where the versions came from."""
    return replace(copied(came[0], tmp_path), relay=came[0].relay)


@pytest.fixture
def node(two: Two) -> NodeHome:
    return two.gongshu


def waits(node: NodeHome) -> int:
    found = looked_at(node, lambda desk: waiting.open_ones(desk.connection))
    return sum(one.kind == "adopt" for one in found)


def standings(node: NodeHome) -> dict[int, str]:
    with node.desk() as desk:
        every = candidates(desk.connection)
        return {one.source.version: standing_of(desk.connection, one) for one in every}


def retired(node: NodeHome, *, discard: bool = False) -> None:
    with node.desk() as desk:
        retire(desk, NAME, reason="not needed", discard=discard)


def given_up(two: Two, tmp_path: Path, *, content: object) -> None:
    """Longyou says something, and Gongshu receives it; the relay is a copy, which later tests do not see."""
    relay = tmp_path / "relay"
    shutil.rmtree(relay)
    shutil.copytree(Path(two.relay.removeprefix("file://")), relay)
    for one in (two.gongshu, two.longyou):
        with one.desk() as desk:
            desk.connection.execute("UPDATE partner SET relay = ?", (relay.as_uri(),))
    say(two.longyou, "gongshu", content)  # type: ignore[arg-type]
    upload(two.longyou, "gongshu")
    assert received(two.gongshu, "longyou").stopped is None


def test_the_adopted_version_is_the_one_that_came(node: NodeHome):
    assert (waits(node), standings(node)) == (2, {1: "waits", 2: "waits"})
    adopted(node, 1)
    assert used(node) == expected(1)
    assert (waits(node), standings(node)) == (1, {1: "adopted", 2: "waits"})
    adopted(node, 2)
    assert used(node) == expected(2)
    assert (waits(node), standings(node)) == (0, {1: "received", 2: "adopted"})
    folder = node.home / "applications" / "adopted"
    assert hidden(node) == [".lock"]
    assert {place.stat().st_mode & 0o777 for place in (folder, folder / NAME)} == {0o700}
    adopted(node, 1)
    assert used(node) == expected(1)


def test_the_report_tells_what_is_used_by_whose_decision(node: NodeHome):
    assert read_adopted(node.home) == ()
    adopted(node, 1, who="Zhou Min")
    (one,) = read_adopted(node.home) or ()
    with node.desk() as desk:
        (source,) = (one.source for one in candidates(desk.connection) if one.source.version == 1)
    assert (f"{one.partner}.{one.application}", one.version, one.who) == (NAME, 1, "Zhou Min")
    assert one.listing == source.listing
    retired(node)
    assert read_adopted(node.home) == ()
    (node.home / FILE).write_bytes(b"no database" * 1000)
    assert read_adopted(node.home) is None


def test_a_newer_version_leaves_no_older_one_to_be_decided(node: NodeHome):
    adopted(node, 2)
    assert (waits(node), standings(node)) == (0, {1: "received", 2: "adopted"})


def test_each_decision_is_an_event_of_a_person_and_keeps_its_reason(node: NodeHome):
    adopted(node, 1, who="Zhou Min")
    retired(node)
    with node.desk() as desk:
        first, second = adoptions.of_folder(desk.connection, NAME)
        told = [one.event for one in EventLog(desk.connection).entries()]
        (source,) = (one.source for one in candidates(desk.connection) if one.source.version == 1)
    events = {one.kind: one for one in told if one is not None}
    assert (first.who, first.reason, first.source) == ("Zhou Min", "we read it", source)
    assert (second.who, second.source) == ("Li Wei", None)
    assert events["adopt"].who == "Zhou Min"
    assert dict(events["adopt"].about) == {
        "application": "dashboards",
        "digest": first.digest,
        "message": source.message,
        "pairing": first.pairing,
        "partner": "longyou",
        "set": source.set_id,
        "version": 1,
    }
    assert events["application-retired"].about["digest"] == second.digest


def test_the_event_comes_before_the_folder_and_without_a_log_nothing_is_adopted(node: NodeHome):
    with node.desk() as desk:
        desk.connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    with pytest.raises(Exception, match="disk is full"):
        adopted(node, 1)
    assert used(node) == {}
    assert (waits(node), standings(node)[1]) == (2, "waits")
    with node.desk() as desk:
        desk.connection.execute("DROP TRIGGER full")
    adopted(node, 2)
    assert (used(node), hidden(node)) == (expected(2), [".lock"])


def test_the_partner_is_told_once(node: NodeHome):
    def receipts() -> int:
        pairing = node.partner("longyou").pairing
        said = looked_at(node, lambda desk: outbox.of_pairing(desk.connection, pairing))
        return sum(one.type == "receipt" for one in said)

    before = receipts()
    adopted(node, 1)
    adopted(node, 2)
    adopted(node, 1)
    assert receipts() == before + 2


def test_what_adopting_would_change_is_told_by_file(node: NodeHome):
    with node.desk() as desk:
        first, second = candidates(desk.connection)
    assert would_change(first, node.home) == Difference(tuple(sorted(FIRST)), (), ())
    adopted(node, 1)
    assert would_change(first, node.home).none
    assert would_change(second, node.home) == Difference(
        added=tuple(sorted({"data/large.bin", *CONTRACTS})),
        changed=("README.md",),
        removed=("data/empty", "old/notes.txt"),
    )


def edited(folder: Path) -> None:
    (folder / "README.md").write_bytes(b"# Dashboards!")


def added(folder: Path) -> None:
    (folder / "new.txt").write_bytes(b"")


def removed(folder: Path) -> None:
    (folder / "README.md").unlink()


def may_be_run(folder: Path) -> None:
    (folder / "README.md").chmod(0o755)


def may_not_be_run(folder: Path) -> None:
    (folder / "bin" / "run.sh").chmod(0o644)


def linked(folder: Path) -> None:
    (folder / "README.md").rename(folder.parent / "elsewhere")
    (folder / "README.md").symlink_to(folder.parent / "elsewhere")


def folder_linked(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")
    folder.symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize(
    "change", [edited, added, removed, may_be_run, may_not_be_run, linked, folder_linked, shutil.rmtree]
)
def test_files_that_were_changed_since_they_came_are_not_adopted(node: NodeHome, change):
    change(waiting_folder(node, 1))
    with pytest.raises(DataError):
        adopted(node, 1)
    assert (used(node), waits(node)) == ({}, 2)
    assert "adopt" not in kinds(node)
    adopted(node, 2)
    assert used(node) == expected(2)


def test_files_that_change_while_they_are_copied_are_not_adopted(
    node: NodeHome, monkeypatch: pytest.MonkeyPatch
):
    """What is written is what was held against the digest, and not what lay there a moment before."""
    real, folder = adopting.require_room, waiting_folder(node, 1)
    for change in (edited, may_be_run):
        kept = shutil.copytree(folder, folder.parent / "kept")
        monkeypatch.setattr(
            adopting, "require_room", lambda *given, change=change: (change(folder), real(*given))
        )
        with pytest.raises(DataError, match="changed while it was read"):
            adopted(node, 1)
        monkeypatch.undo()
        assert (used(node), hidden(node)) == ({}, [".lock"])
        shutil.rmtree(folder)
        kept.rename(folder)
    adopted(node, 1)
    assert used(node) == expected(1)


def test_what_was_received_may_be_removed(two: Two, came: tuple[Two, Grant], tmp_path: Path):
    """Of a version that nobody adopted, and of one that is used, which stays."""
    node = two.gongshu
    adopted(node, 2)
    for version in (1, 2):
        shutil.rmtree(waiting_folder(node, version))
    given_up(two, tmp_path, content=replace(came[1], rev=2))
    assert used(node) == expected(2)
    assert not waiting_folder(node, 1).exists()
    with pytest.raises(DataError, match="is not there"):
        adopted(node, 1)
    assert used(node) == expected(2)


def test_work_of_people_in_an_adopted_folder_is_not_thrown_away_unasked(node: NodeHome):
    adopted(node, 1)
    edited(node.home / "applications" / "adopted" / NAME)
    with pytest.raises(DataError, match="was changed here"):
        adopted(node, 2)
    with pytest.raises(DataError, match="was changed here"):
        retired(node)
    assert used(node)["README.md"] == (b"# Dashboards!", False)
    adopted(node, 2, discard=True)
    assert used(node) == expected(2)
    linked(node.home / "applications" / "adopted" / NAME)
    (node.home / "applications" / "adopted" / "elsewhere").unlink()
    retired(node, discard=True)
    assert used(node) == {}


def test_a_revoked_grant_adopts_nothing_and_what_is_adopted_is_named(
    two: Two, came: tuple[Two, Grant], tmp_path: Path
):
    node = two.gongshu
    adopted(node, 1)
    given_up(two, tmp_path, content=replace(came[1], rev=2, revoked=True))
    with pytest.raises(Refused, match="grant-revoked"):
        adopted(node, 2)
    assert used(node) == expected(1)
    found = looked_at(node, lambda desk: status(desk.home, desk.connection, desk.now))
    assert [(one.application, one.version, one.code) for one in found.lapsed] == [(NAME, 1, "grant-revoked")]
    assert not found.quiet
    retired(node)
    found = looked_at(node, lambda desk: status(desk.home, desk.connection, desk.now))
    assert (found.lapsed, used(node)) == ((), {})


def test_an_ended_pairing_adopts_nothing(two: Two, tmp_path: Path):
    adopted(two.gongshu, 1)
    given_up(two, tmp_path, content=End(None))
    with pytest.raises(Refused, match="pairing-ended"):
        adopted(two.gongshu, 2)
    found = looked_at(two.gongshu, lambda desk: status(desk.home, desk.connection, desk.now))
    assert [one.code for one in found.lapsed] == ["pairing-ended"]
    retired(two.gongshu)


@pytest.mark.parametrize(
    ("days", "error", "code"), [(301, Refused, "grant-expired"), (101, DeniedError, "retention-over")]
)
def test_what_may_not_be_kept_any_more_is_not_adopted_and_is_named(
    node: NodeHome, days: int, error: type[Exception], code: str
):
    adopted(node, 1)
    with node.desk(now=system_clock() + days * DAY) as desk:
        found = chosen(desk.connection, NAME, 2)
        with pytest.raises(error):
            adopt(desk, found, reason="late", keep_free_bytes=0)
        assert [one.code for one in status(desk.home, desk.connection, desk.now).lapsed] == [code]
    assert used(node) == expected(1)


def test_a_frozen_pairing_adopts_nothing(node: NodeHome):
    with node.desk() as desk:
        pairing = partners.named(desk.connection, "longyou").pairing
        desk.connection.execute("UPDATE partner SET frozen = 'f' WHERE pairing = ?", (pairing,))
    with pytest.raises(DeniedError, match="frozen"):
        adopted(node, 1)
    assert used(node) == {}


def test_a_revocation_that_comes_while_files_are_written_still_counts(
    two: Two, came: tuple[Two, Grant], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = adopting.require_room
    revoked = replace(came[1], rev=2, revoked=True)
    monkeypatch.setattr(
        adopting,
        "require_room",
        lambda *given: (given_up(two, tmp_path, content=revoked), real(*given)),
    )
    with pytest.raises(Refused, match="grant-revoked"):
        adopted(two.gongshu, 1)
    assert used(two.gongshu) == {}


def test_two_who_adopt_at_once_do_it_one_after_the_other(node: NodeHome, monkeypatch: pytest.MonkeyPatch):
    inside, go_on = threading.Event(), threading.Event()
    real = Place.switch

    def held(place: Place) -> None:
        inside.set()
        assert go_on.wait(20)
        real(place)

    monkeypatch.setattr(Place, "switch", held)
    first = threading.Thread(target=adopted, args=(node, 1))
    first.start()
    assert inside.wait(20)
    monkeypatch.undo()
    with pytest.raises(BusyError):
        adopted(node, 2)
    with pytest.raises(BusyError):
        retired(node)
    go_on.set()
    first.join()
    assert (used(node), standings(node)) == (expected(1), {1: "adopted", 2: "waits"})
    adopted(node, 2)
    assert used(node) == expected(2)


def test_an_application_that_nobody_wants_waits_no_longer(node: NodeHome):
    retired(node)
    assert (waits(node), standings(node)) == (0, {1: "received", 2: "received"})
    for name in (NAME, "longyou.nothing"):
        with node.desk() as desk, pytest.raises(NotFoundError):
            retire(desk, name, reason="twice")


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 1001])
def test_a_decision_has_a_reason(node: NodeHome, reason: str):
    with node.desk() as desk, pytest.raises(ConfigurationError):
        adopt(desk, chosen(desk.connection, NAME, 1), reason=reason, keep_free_bytes=0)
    assert (used(node), "adopt" in kinds(node)) == ({}, False)


def test_a_version_is_named_by_its_number_or_its_message(node: NodeHome):
    with node.desk() as desk:
        first, second = candidates(desk.connection)
        assert chosen(desk.connection, NAME, 2) == second
        assert chosen(desk.connection, first.row.digest[:8], None) == first
        for text, version in ((NAME, None), (NAME, 3), ("longyou", 1), ("", 1)):
            with pytest.raises(NotFoundError):
                chosen(desk.connection, text, version)


def test_the_folders_are_exchanged_in_one_step_where_the_system_can(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / folder.name).touch()
    assert exchange(one, other)
    assert ((one / "other").is_file(), (other / "one").is_file()) == (True, True)
    with pytest.raises(FileNotFoundError):
        exchange(one, tmp_path / "nowhere")


def test_where_folders_cannot_be_exchanged_they_are_renamed(node: NodeHome, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(switching, "exchange", lambda one, other: False)
    adopted(node, 1)
    adopted(node, 2)
    assert (used(node), hidden(node)) == (expected(2), [".lock"])
