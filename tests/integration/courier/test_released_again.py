"""Rows that left under a grant leave under it once, whatever number their version has by now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from called import calling, told
from locked_node import passphrase_files
from one_city import DATASET
from seller import COLUMNS, TABLE, Seller, table

from shanhai.courier import outbox, standing
from shanhai.courier.releasing import Released
from shanhai.governance.policy import ReleaseDeniedError
from shanhai.ingest.decide import decide
from shanhai.ingest.load import open_table


def hold(seller: Seller) -> None:
    """Bring a delivery that is held: a new version of the table, and no row in it."""
    before = open_table(seller.node, DATASET).version
    seller.city.declare(COLUMNS, tolerance={"hold": 0.2, "refuse": 0.9})
    seller.city.put("b.csv", table(range(4, 8)).replace(",6,", ",-6,").replace(",7,", ",-7,"))
    seller.city.walk()
    assert seller.city.ledger()["b"].verdict == "held"
    assert open_table(seller.node, DATASET).version > before


def test_a_delivery_that_is_held_makes_no_new_parcel(seller: Seller):
    grant, another = seller.grant("n"), seller.grant("n", purpose="another")
    first = seller.release(grant=grant.id)
    hold(seller)
    events, messages = seller.two.gongshu.events(), seller.messages()
    assert seller.plan(grant=grant.id).earlier == first.release
    again = seller.release(grant=grant.id)
    assert (again.repeated, again.message) == (True, first.message)
    assert (seller.two.gongshu.events(), seller.messages()) == (events, messages)

    newest = open_table(seller.node, DATASET).version
    named = seller.plan(grant=grant.id, version=newest)
    assert named.found.version == newest != first.release.version

    # Whom they did not leave to yet, the set serves that is there.
    other = seller.release(grant=another.id)
    assert (other.repeated, other.sealed, other.release.set_id) == (False, False, first.release.set_id)


def test_what_was_refused_and_what_came_since_leave(seller: Seller):
    seller.grant("n")
    first = seller.release()
    with seller.two.gongshu.desk() as desk:
        digest = first.message.digest
        outbox.settled(desk.connection, digest, outcome="refused", code="file-altered", at=desk.now)
    hold(seller)
    second = seller.release()
    assert (second.repeated, second.sealed, second.release.set_id) == (False, False, first.release.set_id)
    decide(seller.node, seller.city.delivery("b"), "approve", by="Li Wei", reason="they are right")
    third = seller.release()
    assert (third.repeated, third.sealed, third.release.counts["rows"]) == (False, True, 6)
    assert third.release.version > first.release.version


def codes(denied: pytest.ExceptionInfo[ReleaseDeniedError]) -> set[str]:
    return {one.finding.code for one in denied.value.decision.denials if one.finding}


def shipped(seller: Seller, **asked: object) -> Released:
    """A release that has left, which nothing takes back."""
    done = seller.release(**asked)
    seller.ship()
    return done


def test_what_is_released_again_says_what_it_does_not_heed_and_is_denied_where_nothing_may_leave(
    seller: Seller,
):
    seller.grant("person", "n")
    first = shipped(seller, approver="Chen Mei")
    assert seller.release(approver="Chen Mei").unheard == ()
    # Who asks for nothing else need not bring the second person once more.
    assert seller.release().unheard == ()
    again = seller.release(approver="Wang Lin", keep_days=3, people="person")
    assert again.message.digest == first.message.digest
    assert set(again.unheard) == {"approver", "keep_days", "people"}
    with seller.two.gongshu.desk() as desk:
        standing.suspend(desk, "longyou")
    with pytest.raises(ReleaseDeniedError) as denied:
        seller.release()
    # Nothing is asked that was answered then: who agreed, for one.
    assert codes(denied) == {"pairing-not-active"}
    with seller.two.gongshu.desk() as desk:
        standing.resume(desk, "longyou")
    assert seller.release().repeated


def test_the_days_that_were_signed_are_heeded_when_they_are_asked_for_again(seller: Seller):
    seller.grant("n", retention_days=90)
    shipped(seller, keep_days=7)
    assert seller.release(keep_days=7).unheard == ()
    assert seller.release(keep_days=8).unheard == ("keep_days",)
    assert seller.release().unheard == ()


def test_the_days_of_the_grant_are_those_that_were_signed_where_none_were_asked_for(seller: Seller):
    seller.grant("n", retention_days=90)
    shipped(seller)
    assert seller.release(keep_days=90).unheard == ()
    assert seller.release(keep_days=89).unheard == ("keep_days",)


def test_an_option_that_changes_nothing_is_told(
    seller: Seller,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    call = calling(capsys, "--home", str(seller.home), "--federation", str(seller.city.root))
    seller.grant("n")
    shipped(seller)
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    release = ("release", TABLE, "--to", "longyou", "--by", "Li Wei", "--keep-days", "3")
    code, _, error = call(*release)
    assert (code, "--keep-days" in error, "grant add --revises" in error) == (0, True, True), error
    assert told(call(*release, "--format", "json"))["unheard"] == ["--keep-days"]
    code, out, error = call("pair", "suspend", "longyou", "--by", "Li Wei", "--format", "json")
    assert code == 0, error
    assert json.loads(out)
    code, _, error = call(*release)
    assert (code, "pairing" in error) == (77, True), error
