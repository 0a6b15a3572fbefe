"""What a scheduler calls, for several homes in one process: released once, admitted once, told once."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from locked_node import NODE_PASSPHRASE
from one_city import City
from seller import TABLE, table
from sentinels import found
from served_pair import SOURCE, Pair, served_pair, without_passphrases
from two_nodes import Two

from shanhai import steps
from shanhai.cli.session import log_to_stderr
from shanhai.clock import system_clock
from shanhai.courier import granting, partners, standing, waiting
from shanhai.courier.due import OFFERED
from shanhai.courier.subjects import find
from shanhai.errors import ConfigurationError, NotFoundError, RetryableError
from shanhai.ingest.ledger import ledger
from shanhai.ingest.node import Node, open_node


@pytest.fixture(scope="module", autouse=True)
def _a_verb_was_called_in_this_process() -> None:
    log_to_stderr(0)


@pytest.fixture
def pair(two: Two, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    return served_pair(two, city, tmp_path, monkeypatch)


def test_what_a_grant_names_leaves_once_and_is_admitted_once(pair: Pair):
    assert steps.due_step("gongshu") == {"due": False}
    pair.grant("village", "n", row_filter="n >= 1")
    assert steps.due_step("gongshu") == {"due": True}
    released, shipped = pair.send()
    assert [one["subject"] for one in released["released"]] == [TABLE]
    assert shipped["messages"] >= 1
    received, admitted, acknowledged = pair.take()
    assert [one["type"] for one in received["settled"]] == ["grant", "parcel"]
    assert received["settled"][1]["state"] == "opened"
    assert admitted["admitted"] == [{"dataset": "acity.events", "verdict": "accepted", "rows": 3}]
    assert admitted["changed"]
    assert acknowledged["messages"] >= 1
    steps.receive_step("gongshu", "longyou")
    assert pair.outcomes() == ["admitted"]
    before = len(pair.seller.messages())
    assert pair.send() == ({"released": [], "stayed": {}, "taken_back": []}, {"messages": 0, "held": 0})
    assert pair.take()[:2] == (
        {"settled": [], "stopped": None, "taken_back": []},
        {"admitted": [], "changed": False},
    )
    assert len(pair.seller.messages()) == before
    assert steps.due_step("gongshu") == {"due": False}
    (row,) = ledger(open_node(pair.longyou))
    assert row.counts.loaded == 3


def test_a_newer_version_leaves_and_a_commit_that_moves_no_row_does_not(pair: Pair):
    pair.grant("village", "n")
    pair.send()
    pair.seller.city.walk()
    assert pair.send()[0]["released"] == []
    pair.seller.city.put("b.csv", table(range(4, 9)))
    pair.seller.city.walk()
    (again,) = pair.send()[0]["released"]
    pair.take()
    assert sorted(row.counts.loaded for row in ledger(open_node(pair.longyou))) == [4, 9]
    assert again["subject"] == TABLE


def test_a_release_that_policy_denies_is_told_once_and_stops_no_other(pair: Pair):
    pair.grant("village", "n", share_class="unconditional", purpose="wrong-class")
    pair.grant("n")
    first, second = pair.send()[0], pair.send()[0]
    assert len(first["released"]) == 1
    assert (second["released"], second["stayed"]) == ([], {TABLE: "share-class (share-class-differs)"})
    about = f"{TABLE} to longyou: share-class (share-class-differs)"
    assert pair.told_of("release") == [about]
    assert ("release", about) in pair.waits()


def test_a_denial_that_holds_no_longer_waits_no_longer(pair: Pair):
    grant = pair.grant("village", "n", share_class="unconditional")
    pair.send()
    assert len(pair.waits()) == 1
    with pair.seller.two.gongshu.desk() as desk:
        granting.revoke(desk, grant.id)
    pair.grant("n")
    assert len(pair.send()[0]["released"]) == 1
    assert pair.waits() == []


def test_a_personal_column_waits_for_somebody_and_is_told_once(pair: Pair):
    pair.grant("person")
    for _ in range(2):
        assert pair.send()[0]["stayed"] == {TABLE: "four-eyes (approver-missing)"}
    pair.seller.city.put("b.csv", table(range(4, 9)))
    pair.seller.city.walk()
    pair.send()
    assert len(pair.told_of("approve")) == 2
    ((kind, about),) = pair.waits()
    assert kind == "approve"
    assert about == pair.told_of("approve")[-1]
    done = pair.seller.release(approver="Sun Wei")
    assert not done.repeated
    assert pair.waits() == []
    assert pair.send() == ({"released": [], "stayed": {}, "taken_back": []}, {"messages": 1, "held": 0})


def test_what_the_partner_refused_is_not_sent_again_by_itself(pair: Pair):
    pair.strict_contract()
    pair.grant("village", "n")
    pair.send()
    pair.take()
    steps.receive_step("gongshu", "longyou")
    assert pair.outcomes() == ["refused"]
    assert pair.send()[0] == {"released": [], "stayed": {}, "taken_back": []}


def test_without_a_contract_nothing_fails_and_it_is_told_once(pair: Pair):
    pair.contract(source={**SOURCE, "options": {"partner": "gongshu", "subject": "acity.other"}})
    pair.grant("village", "n")
    pair.send()
    for _ in range(2):
        assert pair.take()[1]["admitted"] in (
            [{"dataset": None, "verdict": None, "rows": None}],
            [],
        )
    assert pair.told_of("contract") == [f"gongshu {TABLE}"]


def test_a_frozen_and_a_suspended_pairing_give_nothing_and_fail_nothing(pair: Pair):
    pair.grant("village", "n")
    pair.send()
    with pair.seller.two.longyou.desk() as desk:
        standing.suspend(desk, "gongshu")
    assert pair.take()[0] == {"settled": [], "stopped": "pairing-suspended", "taken_back": []}
    with pair.seller.two.longyou.desk() as desk:
        standing.resume(desk, "gongshu")
        partner = partners.named(desk.connection, "gongshu")
        partners.freeze(desk.connection, partner.pairing, "a" * 64, desk.now)
        desk.connection.commit()
    for _ in range(2):
        assert pair.take()[0] == {"settled": [], "stopped": "frozen", "taken_back": []}
    assert pair.told_of("fork") == [partner.pairing]


def test_a_message_that_is_missing_is_told_once_until_it_came(pair: Pair):
    pair.grant("village", "n")
    pair.send()
    partner = pair.seller.two.gongshu.partner("longyou")
    ours = Path(partner.relay.removeprefix("file://")) / partner.folder_out / "m"
    messages = sorted(file for file in ours.rglob("*") if file.is_file())
    pair.seller.city.put("b.csv", table(range(4, 9)))
    pair.seller.city.walk()
    pair.send()
    kept = messages[-1].read_bytes()
    messages[-1].unlink()
    for _ in range(2):
        assert steps.receive_step("longyou", "gongshu")["stopped"] == "gap"
    assert len(pair.told_of("missing")) == 1
    messages[-1].write_bytes(kept)
    assert len(steps.receive_step("longyou", "gongshu")["settled"]) == 2
    with pair.seller.two.longyou.desk() as desk:
        assert waiting.open_ones(desk.connection) == ()


def test_an_application_follows_its_grant_when_its_folder_changes(pair: Pair):
    pair.grant(subject="notice_board")
    assert pair.send()[0]["released"] == []
    folder = pair.seller.home / OFFERED / "notice_board"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<h1>notices</h1>")
    assert [one["version"] for one in pair.send()[0]["released"]] == [1]
    assert pair.send()[0]["released"] == []
    (folder / "index.html").write_text("<h1>other notices</h1>")
    assert [one["version"] for one in pair.send()[0]["released"]] == [2]
    pair.take()
    arrived = pair.longyou.home / "applications" / "received" / "gongshu" / "notice_board"
    assert len(list(arrived.iterdir())) == 2


def test_what_came_goes_on_only_as_its_owner_said(pair: Pair):
    pair.grant("village", "n", onward="open")
    pair.send()
    pair.take()
    with pair.seller.two.longyou.desk() as desk:
        received = find(open_node(pair.longyou), desk.connection, "acity.events").data.received
    assert received is not None
    assert (received.onward, received.stands) == ("open", True)


def test_nothing_goes_on_under_a_grant_that_is_over_or_ended_with_its_pairing(pair: Pair):
    pair.grant("village", "n", onward="open")
    pair.send()
    pair.take()

    def stands(node: Node) -> bool:
        with pair.seller.two.longyou.desk() as desk:
            received = find(node, desk.connection, "acity.events").data.received
        assert received is not None
        return received.stands

    assert stands(open_node(pair.longyou))
    later = system_clock() + timedelta(days=301)
    assert not stands(open_node(pair.longyou, clock=lambda: later))
    with pair.seller.two.longyou.desk() as desk:
        standing.end(desk, "gongshu")
    assert not stands(open_node(pair.longyou))


def test_a_relay_that_is_down_is_an_error_that_a_retry_may_cure(pair: Pair):
    relay = Path(pair.seller.two.gongshu.partner("longyou").relay.removeprefix("file://"))
    relay.rename(relay.with_name("unplugged"))
    with pytest.raises(RetryableError, match="relay"):
        steps.receive_step("longyou", "gongshu")


def test_no_passphrase_is_in_what_a_task_gives_or_logs(pair: Pair, caplog: pytest.LogCaptureFixture):
    pair.grant("village", "n")
    with caplog.at_level("DEBUG"):
        results = [*pair.send(), *pair.take()]
        assert found((json.dumps(results) + caplog.text).encode(), [NODE_PASSPHRASE]) == []
        logging.getLogger(steps.__name__).debug("opened with %s", NODE_PASSPHRASE)
    assert found((json.dumps(results) + caplog.text).encode(), [NODE_PASSPHRASE]) == [NODE_PASSPHRASE]


def test_a_node_that_is_not_served_is_named(pair: Pair):
    with pytest.raises(NotFoundError, match="no such node") as failed:
        steps.release_step("zhaohua", "longyou")
    assert failed.value.allowed == "gongshu, longyou"


def test_without_a_passphrase_file_it_says_what_is_missing(pair: Pair, monkeypatch: pytest.MonkeyPatch):
    without_passphrases(pair)
    pair.grant("n")
    with pytest.raises(ConfigurationError, match="passphrase"):
        steps.release_step("gongshu", "longyou")
