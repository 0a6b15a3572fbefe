"""What people do in the exchange, killed at a durable write and done again: done once, and both ends agree.

Around the commits and moves; `-m long` before every commit, sync, rename and removal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cheap_locks import lock_cheaply, locked_anew
from killed_acts import Act, Case, check_both_agree, exchanged, killed_everywhere, moved, unlocked
from locked_node import passphrase_files
from one_city import City
from received_parcels import rows
from seller import TABLE, Seller, settle, table
from sent_parcels import settings_of
from two_nodes import Two, accepted, confirmed, copied, number_at, offered

from shanhai.audit.database import transaction
from shanhai.clock import system_clock
from shanhai.courier import (
    granted,
    granting,
    outbox,
    pairing,
    partners,
    releases,
    sealing,
    standing,
    their_keys,
)
from shanhai.courier.receiving import receive_from

BY = ("--by", "Li Wei")


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.long)], ids=["commits", "all steps"])
def all_steps(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module", autouse=True)
def _cheap_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        lock_cheaply(patch)
        for variable, file in passphrase_files(tmp_path_factory.mktemp("passphrases")).items():
            patch.setenv(variable, file)
        yield


@pytest.fixture(scope="module")
def strangers(nodes: Two, tmp_path_factory: pytest.TempPathFactory, _cheap_locks: None) -> Two:
    """Two nodes that know nothing of each other; keys open at once."""
    two = copied(nodes, tmp_path_factory.mktemp("strangers"))
    locked_anew(two.gongshu)
    locked_anew(two.longyou)
    return two


@dataclass(frozen=True)
class Waiting:
    """Gongshu has released under one grant, nothing of it left, and another grant is to be told behind it."""

    seller: Seller
    first: str
    message: str

    @property
    def two(self) -> Two:
        return self.seller.two


@pytest.fixture(scope="module")
def waiting(strangers: Two, city: City, tmp_path_factory: pytest.TempPathFactory) -> Waiting:
    folder = tmp_path_factory.mktemp("waiting")
    two = copied(strangers, folder)
    confirmed(two)
    seller = settle(two, city, folder)
    exchanged(seller.two)
    first = given(seller, "follow-up")
    exchanged(seller.two)
    done = seller.release(grant=first)
    given(seller, "another")
    return Waiting(seller, first, done.message.digest)


def given(seller: Seller, purpose: str) -> str:
    with seller.two.gongshu.desk() as desk:
        return granting.add(desk, "longyou", seller.draft("village", "n", purpose=purpose)).id


def proven(
    before: Two,
    act: Act,
    folder: Path,
    check: Callable[[Case, Two], None],
    *,
    all_steps: bool,
    then: Callable[[Case], None] = lambda case: None,
) -> None:
    """Kill it everywhere; once it was done again, and people went on, both ends agree."""
    killed = -1
    for case in killed_everywhere(before, act, folder, all_steps=all_steps):
        then(case)
        two = exchanged(case.two)
        check_both_agree(two, case.step)
        check(case, two)
        killed += 1
    print(f"{killed} kills: {' '.join(act.words)}")


def kinds(two: Two) -> list[str]:
    return [kind for kind, _ in two.gongshu.events()]


def steps_taken(two: Two) -> list[str]:
    """At Gongshu, in its pairing, which is active now; the partner confirms, too."""
    assert two.gongshu.partner("longyou").state.value == "active"
    return [kind for kind in kinds(two) if kind in ("offer", "accept", "confirm")]


def said(two: Two) -> list[str]:
    """Types of what Gongshu told, in order."""
    with two.gongshu.desk() as desk:
        pairing_id = partners.named(desk.connection, "longyou").pairing
        return [one.type for one in outbox.of_pairing(desk.connection, pairing_id)]


def grants_of(two: Two) -> dict[str, tuple[int, bool]]:
    """Revision of each grant of Gongshu, and whether it is revoked, which is the same at both ends."""
    found = []
    for node in (two.gongshu, two.longyou):
        with node.desk() as desk:
            every = granted.every(desk.connection)
        found.append({one.grant.id: (one.grant.rev, one.grant.revoked) for one in every})
    assert found[0] == found[1]
    return found[0]


def check_taken_back(case: Case, two: Two, *, told: str) -> None:
    """The release is taken back and the other grant said again, once; the partner has no parcel."""
    assert said(two)[-2:] == ["grant", told] if told != "keyset" else ["keyset", "grant"], case.step
    assert (said(two).count("parcel"), said(two).count(told)) == (0, 2 if told == "keyset" else 1), case.step
    assert (kinds(two).count("take-back"), kinds(two).count("release")) == (2, 1), case.step
    with two.gongshu.desk() as desk:
        assert releases.every(desk.connection) == (), case.step


def test_an_offer(strangers: Two, tmp_path: Path, all_steps: bool):
    words = ("pair", "offer", "--name", "longyou", "--relay", "{relay}", "--to", "{folder}/offer.json", *BY)

    def accept_it(case: Case) -> None:
        go_on(case, accepted(case.two, (case.folder / "offer.json").read_bytes()))

    def check(case: Case, two: Two) -> None:
        assert steps_taken(two) == ["offer", "accept", "confirm", "confirm"], case.step

    proven(strangers, Act("gongshu", words), tmp_path / "k", check, all_steps=all_steps, then=accept_it)


def test_an_acceptance(strangers: Two, tmp_path: Path, all_steps: bool):
    before = copied(strangers, tmp_path)
    (tmp_path / "carried").mkdir()
    (tmp_path / "carried" / "offer.json").write_bytes(offered(before))
    files = ("{folder}/offer.json", "--to", "{folder}/acceptance.json")
    words = ("pair", "accept", *files, "--name", "gongshu", "--relay", "{relay}", "--by", "Chen Mei")

    def take_it(case: Case) -> None:
        go_on(case, (case.folder / "acceptance.json").read_bytes())

    def check(case: Case, two: Two) -> None:
        assert steps_taken(two) == ["offer", "accept", "confirm", "confirm"], case.step
        assert [kind for kind, _ in two.longyou.events()].count("accept") == 1, case.step

    proven(before, Act("longyou", words), tmp_path / "k", check, all_steps=all_steps, then=take_it)


def test_a_confirmation(strangers: Two, tmp_path: Path, all_steps: bool):
    before = copied(strangers, tmp_path)
    (tmp_path / "carried").mkdir()
    (tmp_path / "carried" / "acceptance.json").write_bytes(accepted(before, offered(before)))
    number = number_at(before.longyou, "gongshu")
    words = ("pair", "confirm", "longyou", "{folder}/acceptance.json", "--number", number, *BY)
    act = Act("gongshu", words, again="cannot take this step")

    def check(case: Case, two: Two) -> None:
        assert steps_taken(two) == ["offer", "accept", "confirm", "confirm"], case.step

    proven(before, act, tmp_path / "k", check, all_steps=all_steps, then=confirm_at_longyou)


def go_on(case: Case, acceptance: bytes) -> None:
    """What people do once it was accepted."""
    with case.two.gongshu.desk() as desk:
        pairing.take(desk, "longyou", acceptance)
        pairing.confirm(desk, "longyou", number_at(case.two.longyou, "gongshu"))
    confirm_at_longyou(case)


def confirm_at_longyou(case: Case) -> None:
    with case.two.longyou.desk() as desk:
        pairing.confirm(desk, "gongshu", number_at(case.two.gongshu, "longyou"))


def test_a_suspension(waiting: Waiting, tmp_path: Path, all_steps: bool):
    act = Act("gongshu", ("pair", "suspend", "longyou", *BY))

    def check(case: Case, two: Two) -> None:
        check_taken_back(case, two, told="suspend")
        assert two.longyou.partner("gongshu").state.value == "suspended_there", case.step

    proven(waiting.two, act, tmp_path / "k", check, all_steps=all_steps)


def test_an_end(waiting: Waiting, tmp_path: Path, all_steps: bool):
    act = Act("gongshu", ("pair", "end", "longyou", *BY))

    def check(case: Case, two: Two) -> None:
        check_taken_back(case, two, told="end")
        assert two.longyou.partner("gongshu").state.value == "ended", case.step

    proven(waiting.two, act, tmp_path / "k", check, all_steps=all_steps)


def test_a_suspension_that_is_lifted(waiting: Waiting, tmp_path: Path, all_steps: bool):
    before = moved(waiting.two, tmp_path)
    with before.gongshu.desk() as desk:
        standing.suspend(desk, "longyou")
    exchanged(before)
    act = Act("gongshu", ("pair", "resume", "longyou", *BY))

    def check(case: Case, two: Two) -> None:
        assert (kinds(two).count("resume"), said(two)[-2:]) == (1, ["suspend", "suspend"]), case.step
        for node, partner in ((two.gongshu, "longyou"), (two.longyou, "gongshu")):
            assert node.partner(partner).state.value == "active", case.step

    proven(before, act, tmp_path / "k", check, all_steps=all_steps)


def test_a_grant(waiting: Waiting, tmp_path: Path, all_steps: bool):
    """Given once: what is in force already is not given a second time."""
    until = f"{system_clock() + timedelta(days=300):%Y-%m-%d}"
    what = ("--column", "village", "--purpose", "third", "--until", until, "--retention-days", "90")
    root = ("--federation", str(waiting.seller.city.root))
    act = Act(
        "gongshu", (*root, "grant", "add", TABLE, "--to", "longyou", *what, *BY), again="granted already"
    )
    known = 2

    def check(case: Case, two: Two) -> None:
        grants = grants_of(two)
        assert kinds(two).count("grant") == said(two).count("grant") == len(grants), case.step
        assert len(grants) - known == 1, case.step
        assert said(two).count("parcel") == 1, case.step

    proven(waiting.two, act, tmp_path / "k", check, all_steps=all_steps)


def test_a_revocation(waiting: Waiting, tmp_path: Path, all_steps: bool):
    act = Act("gongshu", ("grant", "revoke", waiting.first, *BY))

    def check(case: Case, two: Two) -> None:
        check_taken_back(case, two, told="revoke")
        assert grants_of(two)[waiting.first] == (2, True), case.step

    proven(waiting.two, act, tmp_path / "k", check, all_steps=all_steps)


def test_new_keys(waiting: Waiting, tmp_path: Path, all_steps: bool):
    """In a frozen pairing, where a parcel would hold what they tell."""
    before = moved(waiting.two, tmp_path)
    with before.gongshu.desk() as desk, transaction(desk.connection):
        pairing_id = partners.named(desk.connection, "longyou").pairing
        partners.freeze(desk.connection, pairing_id, "f" * 64, desk.now)

    def thaw(case: Case) -> None:
        with unlocked(case.two).gongshu.desk() as desk:
            standing.thaw(desk, "longyou")

    def check(case: Case, two: Two) -> None:
        newest = two.gongshu.keyset
        with two.longyou.desk() as desk:
            known = their_keys.their_keyset(partners.named(desk.connection, "gongshu"))
        assert (known.version, known.digest) == (newest.version, newest.digest), case.step
        assert said(two).count("parcel") == 0, case.step
        assert said(two).count("keyset") in (2, 3), case.step
        assert kinds(two).count("take-back") >= 2, case.step
        held = {key.kid for key in two.gongshu.holdings.keys}
        now = system_clock()
        assert {one.kid for one in newest.keys if one.not_after > now} <= held, case.step

    act = Act("gongshu", ("keys", "rotate", *BY))
    proven(before, act, tmp_path / "k", check, all_steps=all_steps, then=thaw)


def test_shipping_onto_a_stick(waiting: Waiting, tmp_path: Path, all_steps: bool):
    act = Act("gongshu", ("ship", "longyou", "--relay", "tar:{folder}/stick.tar"))

    def receive_it(case: Case) -> None:
        with case.two.longyou.desk() as desk:
            came = receive_from(desk, settings_of(case.two.longyou), "gongshu", address=stick(case))
        assert [one.type for one in came.settled] == ["parcel", "grant"], case.step

    def check(case: Case, two: Two) -> None:
        # What was being written has no name of a tar, and holds what is sealed.
        names = {one.name for one in case.folder.iterdir()}
        assert {one for one in names if not one.endswith(".new")} == {"stick.tar"}, case.step

    proven(waiting.two, act, tmp_path / "k", check, all_steps=all_steps, then=receive_it)


def stick(case: Case) -> str:
    return f"tar:{case.folder / 'stick.tar'}"


def test_sets_that_are_retired(waiting: Waiting, tmp_path: Path, all_steps: bool):
    city = waiting.seller.city.copied(tmp_path / "city")
    ours = replace(waiting.two.gongshu, home=city.root / "home")
    seller = Seller(replace(waiting.two, gongshu=ours), city)
    city.put("b.csv", table(range(4, 6)))
    city.walk()
    second = seller.release(grant=waiting.first).release.set_id
    before = moved(seller.two, tmp_path)
    exchanged(before)
    with before.gongshu.desk() as desk:
        outbox.settled(desk.connection, waiting.message, outcome="admitted", code=None, at=desk.now)

    def check(case: Case, two: Two) -> None:
        home = two.gongshu.home
        assert kinds(two).count("retire") == 1, case.step
        assert [one.name for one in (home / sealing.OUTGOING).iterdir()] == [second], case.step
        names = {one.name.partition(".")[0] for one in (home / "keyring" / "sets").iterdir()}
        assert names == {second}, case.step

    act = Act("gongshu", ("exchange", "retire", *BY))
    proven(before, act, tmp_path / "k", check, all_steps=all_steps)


def test_a_parcel_that_is_opened_again(waiting: Waiting, tmp_path: Path, all_steps: bool):
    before = moved(waiting.two, tmp_path)
    exchanged(before)
    words = ("parcel", "open", waiting.message[:12], "--to", "{folder}/again.parquet", "--by", "Chen Mei")
    act = Act("longyou", words, again="the target is there already")
    (row,) = [one for one in rows(before.longyou) if one.digest == waiting.message]
    expected = pq.read_table(before.longyou.home / row.opened_file)

    def check(case: Case, two: Two) -> None:
        assert pq.read_table(case.folder / "again.parquet") == expected, case.step
        assert [one.name for one in case.folder.iterdir()] == ["again.parquet"], case.step

    proven(before, act, tmp_path / "k", check, all_steps=all_steps)
