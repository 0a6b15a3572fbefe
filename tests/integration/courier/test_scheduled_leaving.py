"""What a scheduler takes back, holds, retires and asks nobody for any more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from one_city import City
from seller import TABLE, table
from served_pair import Pair, served_pair, without_passphrases
from two_nodes import PASSPHRASES, Two, rotated

from shanhai import steps
from shanhai.courier import granting, partners, releases, sealing, sets, standing
from shanhai.courier.own_keys import Change, keyring_of, rotate_keys
from shanhai.exchange.pairing_states import Step


@pytest.fixture
def pair(two: Two, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    return served_pair(two, city, tmp_path, monkeypatch)


def walk_more(pair: Pair) -> None:
    """Another version of the table."""
    pair.seller.city.put("b.csv", table(range(4, 9)))
    pair.seller.city.walk()


def test_what_is_no_longer_granted_is_taken_back_by_the_clock(pair: Pair):
    grant = pair.grant("village", "n")
    steps.release_step("gongshu", "longyou")
    with pair.seller.two.gongshu.desk() as desk:
        late = desk.now + timedelta(days=3000)
    with pair.seller.two.gongshu.desk(now=late) as desk:
        changed = granting.revoke(desk, grant.id)
    assert (changed.untold, changed.taken_back) == (True, ()), "no key is valid by then"
    assert steps.ship_step("gongshu", "longyou") == {"messages": 1, "held": 1}
    assert steps.due_step("gongshu") == {"due": True}
    sent, gone = pair.send()
    assert ([one["grant"] for one in sent["taken_back"]], sent["released"]) == ([grant.id], [])
    assert gone == {"messages": 1, "held": 0}
    assert [one["type"] for one in pair.take()[0]["settled"]] == ["grant", "revoke"]
    assert pair.outcomes() == []
    assert steps.due_step("gongshu") == {"due": False}


def test_what_was_taken_back_with_it_is_released_anew(pair: Pair):
    for purpose in ("one", "another"):
        pair.grant("village", "n", purpose=purpose)
    assert len(steps.release_step("gongshu", "longyou")["released"]) == 2
    with pair.seller.two.gongshu.desk() as desk:
        (first, _) = [one for one in pair.seller.messages() if one.type == "parcel"]
        release = releases.of_message(desk.connection, first.digest)
        assert release is not None
        assert len(granting.revoke(desk, release.grant).taken_back) == 2
    assert steps.due_step("gongshu") == {"due": True}
    assert len(pair.send()[0]["released"]) == 1
    assert [one["type"] for one in pair.take()[0]["settled"]] == ["grant", "grant", "revoke", "parcel"]


def test_what_waits_for_the_partner_is_nothing_to_do(pair: Pair):
    pair.grant("village", "n")
    steps.release_step("gongshu", "longyou")
    with pair.seller.two.gongshu.desk() as desk:
        pairing = partners.named(desk.connection, "longyou").pairing
        partners.step(desk.connection, pairing, Step.SUSPEND_THERE)
    assert steps.ship_step("gongshu", "longyou")["held"] == 1
    assert steps.due_step("gongshu") == {"due": False}


def test_sets_that_nobody_can_need_any_more_go_by_the_clock(pair: Pair):
    pair.grant("village", "n")
    pair.send()
    pair.take()
    steps.receive_step("gongshu", "longyou")
    assert pair.outcomes() == ["admitted"]
    walk_more(pair)
    pair.send()
    with pair.seller.two.gongshu.desk() as desk:
        (kept,) = sets.sealed(desk.connection)
        (gone,) = sets.retired(desk.connection)
    assert sealing.folder_of(pair.seller.home, kept.set_id).is_dir()
    assert not sealing.folder_of(pair.seller.home, gone).exists()


def test_nobody_is_asked_for_consent_that_a_newer_version_does_not_need(pair: Pair):
    grant = pair.grant("person")
    pair.send()
    assert [kind for kind, _ in pair.waits()] == ["approve"]
    with pair.seller.two.gongshu.desk() as desk:
        granting.revise(desk, grant.id, pair.seller.draft("n"), wider=True)
    assert [one["subject"] for one in pair.send()[0]["released"]] == [TABLE]
    assert pair.waits() == []


def test_of_two_grants_of_one_table_each_says_why_it_stays(pair: Pair):
    pair.grant("person", purpose="one")
    pair.grant("village", "n", share_class="unconditional")
    stayed = pair.send()[0]["stayed"][TABLE]
    assert sorted(stayed.split("; ")) == ["four-eyes (approver-missing)", "share-class (share-class-differs)"]


def test_what_holds_a_revocation_in_a_frozen_pairing_is_taken_back_by_the_clock(pair: Pair):
    pair.grant("n", share_class="unconditional", purpose="wrong-class")
    pair.send()
    assert [kind for kind, _ in pair.waits()] == ["release"]
    first, second = pair.grant("village", "n"), pair.grant("n", purpose="another")
    parcel = pair.seller.release(grant=first.id).message
    with pair.seller.two.gongshu.desk() as desk:
        granting.revoke(desk, second.id)
        # As by a run of receiving that could not take it back itself.
        partners.freeze(desk.connection, parcel.pairing, "f" * 64, desk.now)
    assert steps.ship_step("gongshu", "longyou")["held"] == 2
    assert steps.due_step("gongshu") == {"due": True}
    sent, gone = pair.send()
    assert [one["message"] for one in sent["taken_back"]] == [parcel.digest]
    assert gone == {"messages": 1, "held": 0}
    assert steps.due_step("gongshu") == {"due": False}
    assert [kind for kind, _ in pair.waits()] == ["release", "fork"], "the pairing may be thawed"


def test_no_key_is_opened_for_what_could_not_be_said_again(pair: Pair):
    grant = pair.grant("village", "n")
    steps.release_step("gongshu", "longyou")
    longyou = pair.seller.two.longyou
    with pair.seller.two.gongshu.desk() as desk:
        rotated(longyou, now=desk.now - timedelta(days=3000))
        standing.renew(desk, "longyou", keyring_of(longyou.home).envelope)
        changed = granting.revoke(desk, grant.id)
    assert (changed.untold, changed.taken_back) == (True, ()), "no key of the partner is valid"
    assert steps.ship_step("gongshu", "longyou")["held"] == 1
    without_passphrases(pair)
    assert steps.due_step("gongshu") == {"due": False}
    assert steps.release_step("gongshu", "longyou")["taken_back"] == []


def test_new_keys_that_nobody_was_told_of_are_told_by_the_clock(pair: Pair):
    gongshu = pair.seller.two.gongshu
    steps.ship_step("gongshu", "longyou")
    assert steps.due_step("gongshu") == {"due": False}
    with gongshu.desk() as desk:
        # Killed before it told the partners.
        rotate_keys(gongshu.home, PASSPHRASES, Change(), who="Li Wei", now=desk.now)
    assert steps.due_step("gongshu") == {"due": True}
    assert pair.send()[1] == {"messages": 1, "held": 0}
    assert [one["type"] for one in pair.take()[0]["settled"]] == ["keyset"]
    assert steps.due_step("gongshu") == {"due": False}
