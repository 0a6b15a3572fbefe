"""How far back other bytes under the number of a settled message are seen: in a folder, and on a stick."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from received_parcels import next_number
from sent_parcels import kinds, looked_at, received, relay_folder, say, settings_of, upload
from two_nodes import NodeHome, Two, confirmed, copied

from shanhai.audit.database import transaction
from shanhai.courier import forks, inbox, outbox, partners
from shanhai.courier.outbox import Outgoing
from shanhai.courier.receiving import Received, receive_from
from shanhai.courier.relays.layout import LOOKED_BACK
from shanhai.courier.relays.opening import relay_of
from shanhai.exchange.bodies import Suspension
from shanhai.exchange.failures import Refused


@pytest.fixture(scope="module")
def came_far(nodes: Two, tmp_path_factory: pytest.TempPathFactory) -> Two:
    """Gongshu has settled three messages more than are looked at again; nobody alters them."""
    two = copied(nodes, tmp_path_factory.mktemp("came_far"))
    confirmed(two)
    for number in range(LOOKED_BACK + 2):
        say(two.longyou, "gongshu", Suspension(number % 2 == 0, None))
    upload(two.longyou, "gongshu")
    assert received(two.gongshu, "longyou").stopped is None
    assert next_number(two.gongshu, "longyou") == LOOKED_BACK + 3
    return two


@pytest.fixture
def far(came_far: Two, tmp_path: Path) -> Two:
    """Copies of both nodes and of the relay, to be altered."""
    two = copied(came_far, tmp_path)
    shutil.copytree(relay_folder(came_far), relay_folder(two), dirs_exist_ok=True)
    for node in (two.gongshu, two.longyou):
        with node.desk() as desk, transaction(desk.connection):
            desk.connection.execute("UPDATE partner SET relay = ?", (two.relay,))
    return two


def set_back(two: Two, seq: int) -> NodeHome:
    """Longyou as it was before it sent that number, restored from a copy."""
    copy = replace(two.longyou, home=two.longyou.home.with_name("set_back"))
    shutil.copytree(two.longyou.home, copy.home)
    with copy.desk() as desk, transaction(desk.connection):
        desk.connection.execute("DELETE FROM outbox WHERE seq >= ?", (seq,))
        (last,) = desk.connection.execute("SELECT digest FROM outbox WHERE seq = ?", (seq - 1,)).fetchone()
        desk.connection.execute("UPDATE partner SET next_seq_out = ?, last_out = ?", (seq, last))
    return copy


def said_anew(copy: NodeHome, count: int) -> list[Outgoing]:
    return [say(copy, "gongshu", Suspension(True, "set back")) for _ in range(count)]


def in_place(two: Two, *messages: Outgoing) -> None:
    """Somebody lays them where the ones before lay."""
    folder = next(relay_folder(two).rglob("m/000000"))
    for one in messages:
        (folder / f"{one.seq:010d}").write_bytes(one.envelope)


def on_a_stick(copy: NodeHome, messages: list[Outgoing], stick: Path) -> str:
    address = f"tar:{stick}"
    with relay_of(copy.partner("gongshu"), settings_of(copy), address=address) as relay:
        for one in messages:
            relay.put_message(one.generation, one.seq, one.envelope)
    return address


def received_from(node: NodeHome, address: str) -> Received:
    with node.desk(who="system") as desk:
        return receive_from(desk, settings_of(node), "longyou", address=address)


def test_in_a_folder_a_fork_is_seen_as_far_back_as_is_looked(far: Two):
    at = next_number(far.gongshu, "longyou") - LOOKED_BACK
    (other,) = said_anew(set_back(far, at), 1)
    assert other.seq == at
    in_place(far, other)
    stopped = received(far.gongshu, "longyou").stopped
    assert isinstance(stopped, Refused)
    assert stopped.code == "fork-same-seq"
    assert far.gongshu.partner("longyou").frozen == other.digest


def test_in_a_folder_an_older_fork_is_seen_when_its_chain_comes_to_the_next_number(far: Two):
    following = next_number(far.gongshu, "longyou")
    at = following - LOOKED_BACK - 1
    *older, last = said_anew(set_back(far, at), LOOKED_BACK + 2)
    in_place(far, older[0])
    assert received(far.gongshu, "longyou").stopped is None
    assert far.gongshu.partner("longyou").frozen is None
    assert last.seq == following
    in_place(far, last)
    stopped = received(far.gongshu, "longyou").stopped
    assert isinstance(stopped, Refused)
    assert stopped.code == "fork-prev-mismatch"
    assert far.gongshu.partner("longyou").frozen == last.digest


@pytest.mark.parametrize("back", [LOOKED_BACK + 1, LOOKED_BACK + 2])
def test_on_a_stick_a_fork_is_seen_however_far_back_it_lies(far: Two, tmp_path: Path, back: int):
    """The partner is set back and ships less than it had sent since: it never comes to the next one."""
    at = next_number(far.gongshu, "longyou") - back
    copy = set_back(far, at)
    few = said_anew(copy, 3)
    pairing = few[0].pairing
    before = looked_at(far.gongshu, lambda desk: inbox.at_place(desk.connection, pairing, 0, at))
    address = on_a_stick(copy, few, tmp_path / "stick.tar")
    stopped = received_from(far.gongshu, address).stopped
    assert isinstance(stopped, Refused)
    assert stopped.code == "fork-same-seq"
    assert far.gongshu.partner("longyou").frozen == few[0].digest
    (fork,) = looked_at(far.gongshu, lambda desk: forks.of_pairing(desk.connection, pairing))
    assert (fork.seq, fork.envelope) == (at, few[0].envelope)
    assert before == looked_at(far.gongshu, lambda desk: inbox.at_place(desk.connection, pairing, 0, at))
    assert kinds(far.gongshu)[-1] == "fork"


@pytest.mark.parametrize("first", ["theirs", "other"])
def test_on_a_stick_a_fork_beside_the_message_itself_is_seen(far: Two, tmp_path: Path, first: str):
    """Two tars were put into one: what comes second under a number is compared as well."""
    at = next_number(far.gongshu, "longyou") - LOOKED_BACK - 2
    copy = set_back(far, at)
    (other,) = said_anew(copy, 1)
    with far.longyou.desk() as desk:
        (theirs,) = [one for one in outbox.of_pairing(desk.connection, other.pairing) if one.seq == at]
    both = [theirs, other] if first == "theirs" else [other, theirs]
    stopped = received_from(far.gongshu, on_a_stick(copy, both, tmp_path / "stick.tar")).stopped
    assert isinstance(stopped, Refused)
    assert stopped.code == "fork-same-seq"
    assert far.gongshu.partner("longyou").frozen == other.digest


def test_on_a_stick_a_fork_of_the_next_message_is_seen_once_that_is_settled(far: Two, tmp_path: Path):
    copy = set_back(far, next_number(far.gongshu, "longyou"))
    (theirs,) = said_anew(far.longyou, 1)
    (other,) = said_anew(copy, 1)
    done = received_from(far.gongshu, on_a_stick(copy, [theirs, other], tmp_path / "stick.tar"))
    assert [row.digest for row in done.settled] == [theirs.digest]
    assert isinstance(done.stopped, Refused)
    assert done.stopped.code == "fork-same-seq"
    assert far.gongshu.partner("longyou").frozen == other.digest


def test_a_stick_that_has_again_what_came_long_ago_changes_nothing(far: Two, tmp_path: Path):
    with far.longyou.desk() as desk:
        pairing = partners.named(desk.connection, "gongshu").pairing
        every = list(outbox.of_pairing(desk.connection, pairing))
    address = on_a_stick(far.longyou, every, tmp_path / "stick.tar")
    events = kinds(far.gongshu)
    done = received_from(far.gongshu, address)
    assert (done.settled, done.stopped) == ((), None)
    assert kinds(far.gongshu) == events


def test_what_was_settled_is_known_by_its_number_and_nothing_else_is(far: Two):
    with far.gongshu.desk() as desk:
        pairing = partners.named(desk.connection, "longyou").pairing
        known = inbox.Known(desk.connection, pairing)
        rows = inbox.every(desk.connection, pairing)
        assert dict(known) == {(row.generation, row.seq): row.digest for row in rows}
        assert len(known) == LOOKED_BACK + 3
        assert known.get((0, LOOKED_BACK + 3)) is None
        assert known.get((1, 0)) is None
        with transaction(desk.connection):
            desk.connection.execute("UPDATE inbox SET state = 'opening' WHERE seq = 1")
        assert known.get((0, 1)) is None
        assert len(known) == LOOKED_BACK + 2
