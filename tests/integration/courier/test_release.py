"""A release: what leaves is what was granted, it leaves once, and a later recipient takes a message only."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from seller import COLUMNS, NAMES, TABLE, Seller, table

from shanhai.clock import system_clock
from shanhai.courier import granting, outbox, partners, releases, sealing, sets, standing, waiting
from shanhai.courier.own_keys import keyring_of
from shanhai.errors import ConfigurationError, ContractError, DeniedError, NotFoundError
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.walk import walk
from shanhai.governance.policy import ReleaseDeniedError
from shanhai.ingest.decide import decide


def codes(denied: pytest.ExceptionInfo[ReleaseDeniedError]) -> set[str]:
    return {one.finding.code for one in denied.value.decision.denials if one.finding}


def test_without_a_grant_nothing_leaves_and_the_plan_says_so(seller: Seller):
    planned = seller.plan()
    assert not planned.decision.allowed
    assert planned.decision.rule == "grant"
    assert [column.name for column in planned.leaving.columns] == ["id", "village", "person", "n", "at"]
    before = len(seller.messages())
    with pytest.raises(ReleaseDeniedError) as denied:
        seller.release()
    assert "no-grant" in codes(denied)
    assert len(seller.messages()) == before
    assert not list((seller.home / "keyring").glob("sets/*"))


def test_a_dry_run_tells_exactly_what_would_leave_and_no_value(seller: Seller):
    grant = seller.grant(
        "village", "n", "at", row_filter="n < 3", masks={"at": "truncate-to-year"}, retention_days=30
    )
    planned = seller.plan(columns=("n", "at"))
    told = planned.as_dict()
    assert told["decision"]["allowed"]
    assert told["grant"] == {"id": grant.id, "rev": 1}
    assert [(one["name"], one["mask"], one["readable"]) for one in told["leaving"]["columns"]] == [
        ("village", None, False),
        ("n", None, True),
        ("at", "truncate-to-year", True),
    ]
    assert (told["leaving"]["rows"], told["leaving"]["rows_held"]) == (3, 4)
    assert {"id", "person"} <= set(told["leaving"]["withheld"])
    assert told["leaving"]["row_filter"] == "n < 3"
    text = json.dumps(told, default=str)
    assert not [name for name in (*NAMES, "Shangtang", "id-0") if name in text]
    assert told["decision"]["outcomes"][0]["rule"] == "grant"
    assert seller.two.gongshu.events()[-1][0] == "ship"
    assert not (seller.home / sealing.OUTGOING).exists()


def test_a_version_that_the_dataset_has_not_is_named_with_those_it_has(seller: Seller):
    seller.grant("village", "n")
    with pytest.raises(NotFoundError) as met:
        seller.plan(version=99)
    assert (met.value.given, (met.value.allowed or "").startswith("0 to ")) == ("99", True)


def test_what_was_granted_leaves_and_opens_at_the_recipient(seller: Seller):
    seller.grant("village", "n", row_filter="n >= 1", masks={"village": "mask-alphanum"})
    done = seller.release()
    assert (done.sealed, done.repeated, done.message.type) == (True, False, "parcel")
    arrived = seller.arrive(done.message)
    assert sorted(arrived.parcel.names.values()) == ["n", "village"]
    assert sorted(arrived.rows("n", "village")) == [
        (1, "x" * len("Mishixiang")),
        (2, "x" * len("Shangtang")),
        (3, "x" * len("Gongchenqiao")),
    ]
    assert arrived.parcel.terms.purpose == "follow-up"
    assert len(arrived.opened.keys) == 3
    assert arrived.opened.facts is not None
    assert arrived.opened.facts.shape == done.release.shape
    assert seller.two.gongshu.events()[-2:] == [("ship", "Li Wei"), ("release", "Li Wei")]


def test_what_lies_outside_is_sealed_and_private(seller: Seller):
    seller.grant("village", "n")
    done = seller.release()
    folder = sealing.folder_of(seller.home, done.release.set_id)
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with seller.two.gongshu.desk() as desk:
        keys = keyring_of(seller.home).keys_of_set(done.release.set_id, desk.speaker.holdings)
    with file.open("rb") as opened:
        assert walk(opened, file.stat().st_size, KeyHolder(keys)).only_counted == 0
    for text in (*NAMES, "Shangtang", "village", TABLE):
        assert text.encode() not in file.read_bytes()
        assert text.encode() not in done.message.envelope


def test_the_same_release_again_changes_nothing(seller: Seller):
    seller.grant("n")
    first = seller.release()
    events, messages = seller.two.gongshu.events(), seller.messages()
    again = seller.release()
    assert (again.repeated, again.message) == (True, first.message)
    assert (seller.two.gongshu.events(), seller.messages()) == (events, messages)


def test_what_the_partner_refused_can_be_released_anew(seller: Seller):
    seller.grant("n")
    first = seller.release()
    with seller.two.gongshu.desk() as desk:
        outbox.settled(
            desk.connection, first.message.digest, outcome="refused", code="file-altered", at=desk.now
        )
    second = seller.release()
    assert (second.repeated, second.sealed) == (False, False)
    assert second.message.seq == first.message.seq + 1
    assert second.release.set_id == first.release.set_id


def test_a_later_recipient_of_a_set_takes_a_message_and_nothing_else(seller: Seller):
    one = seller.grant("village", "n", purpose="follow-up")
    two = seller.grant("n", "at", purpose="statistics")
    first = seller.release(grant=one.id)
    folder = sealing.folder_of(seller.home, first.release.set_id)
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in folder.iterdir()}
    second = seller.release(grant=two.id)
    assert (second.sealed, second.release.set_id) == (False, first.release.set_id)
    assert {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in folder.iterdir()} == before
    assert [path.name for path in (seller.home / sealing.OUTGOING).iterdir()] == [first.release.set_id]
    arrived = [seller.arrive(done.message) for done in (first, second)]
    assert [sorted(each.parcel.names.values()) for each in arrived] == [["n", "village"], ["at", "n"]]
    shared = set(arrived[0].opened.keys) & set(arrived[1].opened.keys)
    assert len(shared) == 2
    assert len(arrived[1].rows("n", "at")) == 4
    # What the second recipient holds opens no column that only the first was given.
    size, keys = arrived[1].statement.files[0].size, KeyHolder(arrived[1].opened.keys)
    with next(folder.iterdir()).open("rb") as opened:
        seen = walk(opened, size, keys, whole=False)
    assert seen.only_counted > 0


def test_rows_are_ordered_by_what_all_who_may_have_them_read(seller: Seller):
    seller.city.put("b.csv", table(range(4, 40)))
    seller.city.walk()
    names, numbers = seller.grant("id", purpose="follow-up"), seller.grant("n", purpose="statistics")
    planned = seller.plan(grant=names.id)
    assert (planned.shape.names, planned.order) == (("id", "n"), ())
    done = [seller.release(grant=grant.id) for grant in (names, numbers)]
    assert done[0].release.set_id == done[1].release.set_id
    arrived = [seller.arrive(one.message) for one in done]
    came = [arrived[0].rows("id"), arrived[1].rows("n")]
    whole = [sorted((f"id-{i}",) for i in range(40)), [(i,) for i in range(40)]]
    assert [sorted(rows) for rows in came] == whole
    # Neither order tells the other column: both are as chance has it.
    assert came[0] != sorted(came[0])
    assert came[1] not in ([(i,) for i in range(40)], [(int(name[3:]),) for (name,) in sorted(came[0])])


def test_who_reads_less_than_rows_are_ordered_by_gets_another_set(seller: Seller):
    wide = seller.grant("village", "n", purpose="follow-up")
    first = seller.release(grant=wide.id)
    seller.arrive(first.message)
    narrow = seller.grant("n", purpose="statistics")
    assert seller.plan(grant=narrow.id).reused is None
    assert first.sealed


def test_personal_and_core_columns_of_others_stay_out_of_a_set(seller: Seller):
    seller.grant("person", "n", purpose="follow-up")
    grant = seller.grant("n", "at", purpose="statistics")
    assert seller.plan(grant=grant.id).shape.names == ("n", "at")


def test_other_rows_or_masks_take_another_set(seller: Seller):
    one = seller.grant("village", "n")
    two = seller.grant("village", "n", row_filter="n > 1", purpose="statistics")
    three = seller.grant("village", "n", masks={"village": "mask-alphanum"}, purpose="teaching")
    found = {seller.release(grant=grant.id).release.set_id for grant in (one, two, three)}
    assert len(found) == 3


def test_a_personal_column_takes_two_people(seller: Seller):
    seller.grant("person", "n")
    with pytest.raises(ReleaseDeniedError) as denied:
        seller.release()
    assert codes(denied) == {"approver-missing"}
    with seller.two.gongshu.desk() as desk:
        (open_one,) = waiting.open_ones(desk.connection)
        assert open_one.kind == "approve"
    with pytest.raises(ReleaseDeniedError) as denied:
        seller.release(approver="li  wei")
    assert codes(denied) == {"approver-is-releaser"}
    done = seller.release(approver="Zhou Lan")
    assert seller.two.gongshu.events()[-3:] == [
        ("ship", "Li Wei"),
        ("approve", "Zhou Lan"),
        ("release", "Li Wei"),
    ]
    assert sorted(seller.arrive(done.message).rows("person")) == sorted((name,) for name in NAMES)
    with seller.two.gongshu.desk() as desk:
        assert not waiting.open_ones(desk.connection)


def test_groups_of_people_are_counted_where_the_grant_wants_it(seller: Seller):
    seller.grant("village", k=2)
    with pytest.raises(ReleaseDeniedError) as denied:
        seller.release()
    assert codes(denied) == {"k-not-measured"}
    with pytest.raises(ReleaseDeniedError) as denied:
        seller.release(people="person")
    assert codes(denied) == {"k-small-group"}
    with pytest.raises(ConfigurationError, match="no such column"):
        seller.plan(people="nobody")


def test_a_revoked_grant_ends_it(seller: Seller):
    grant = seller.grant("n")
    with seller.two.gongshu.desk() as desk:
        granting.revoke(desk, grant.id)
    with pytest.raises(ReleaseDeniedError) as denied:
        seller.release()
    assert "grant-revoked" in codes(denied)


def test_only_an_active_pairing_is_released_to(seller: Seller):
    seller.grant("n")
    with seller.two.gongshu.desk() as desk:
        standing.suspend(desk, "longyou")
    with pytest.raises(ReleaseDeniedError) as denied:
        seller.release()
    assert codes(denied) == {"pairing-not-active"}


def test_a_frozen_pairing_releases_nothing(seller: Seller):
    seller.grant("n")
    with seller.two.gongshu.desk() as desk:
        pairing = partners.named(desk.connection, "longyou").pairing
        partners.freeze(desk.connection, pairing, "f" * 64, desk.now)
    with pytest.raises(DeniedError, match="frozen"):
        seller.release()


def test_withdrawn_data_stay(seller: Seller):
    seller.grant("n")
    version = seller.plan().found.version
    seller.city.put("b.csv", table(range(4, 6)))
    seller.city.walk()
    decide(seller.node, seller.city.delivery("a"), "withdraw", by="Li Wei", reason="wrong file")
    with pytest.raises(ReleaseDeniedError) as denied:
        seller.release(version=version)
    assert codes(denied) == {"data-withdrawn"}
    newest = seller.release()
    assert sorted(seller.arrive(newest.message).rows("n")) == [(4,), (5,)]


def test_an_application_crosses_as_its_files(seller: Seller, tmp_path: Path):
    folder = tmp_path / "notice_board"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "bin" / "run.sh").chmod(0o700)
    (folder / "readme.txt").write_bytes(b"x" * (1 << 20) + b"y")
    seller.grant(subject="notice_board", columns=None)
    done = seller.release(subject="notice_board", folder=folder)
    assert done.release.version == 1
    rows = seller.arrive(done.message).rows("path", "mode", "part", "content")
    assert [(path, mode, part, len(content)) for path, mode, part, content in rows] == [
        ("bin/run.sh", 0o755, 0, 10),
        ("readme.txt", 0o644, 0, 1 << 20),
        ("readme.txt", 0o644, 1, 1),
    ]
    assert seller.release(subject="notice_board", folder=folder).repeated
    (folder / "readme.txt").write_text("changed")
    assert seller.release(subject="notice_board", folder=folder).release.version == 2
    (folder / "link").symlink_to("readme.txt")
    with pytest.raises(ConfigurationError, match="only files and folders"):
        seller.release(subject="notice_board", folder=folder)


def test_a_release_keeps_what_it_rests_on(seller: Seller):
    grant = seller.grant("n")
    done = seller.release()
    with seller.two.gongshu.desk() as desk:
        (kept,) = releases.every(desk.connection)
        assert kept == done.release
        sent = releases.sent(desk.connection, kept.pairing, kept.subject)
        assert sent == {(kept.version, kept.shape): kept.set_id}
    assert (kept.grant, kept.rev, kept.who) == (grant.id, 1, "Li Wei")
    assert kept.decision["allowed"]
    assert kept.counts["rows"] == 4
    assert kept.counts["lineage"]["sources"] == {TABLE: kept.version}


def test_what_nobody_may_read_any_more_leaves_in_no_set(seller: Seller):
    """One set served two grants; when one is revoked, its columns would be ciphertext that nobody granted."""
    first = seller.grant("village", "n")
    second = seller.grant("at")
    wide = seller.release(grant=first.id)
    with seller.two.gongshu.desk() as desk:
        assert sets.by_id(desk.connection, wide.release.set_id).described.columns == ("village", "n", "at")
        assert sets.by_id(desk.connection, wide.release.set_id).described.order == ()
    assert not seller.release(grant=first.id, columns=("n",)).sealed
    with seller.two.gongshu.desk() as desk:
        granting.revoke(desk, second.id)
    narrow = seller.release(grant=first.id, columns=("village",))
    assert narrow.sealed
    with seller.two.gongshu.desk() as desk:
        assert "at" not in sets.by_id(desk.connection, narrow.release.set_id).described.columns


def test_a_message_expires_long_after_it_was_issued(seller: Seller):
    seller.grant("n")
    done = seller.release(now=system_clock())
    assert done.message.not_after - done.message.issued == timedelta(days=30)


def test_the_last_word_of_a_partner_stays_but_for_what_its_contract_refused(seller: Seller):
    seller.grant("n")
    digest = seller.release().message.digest

    def after(outcome: str, code: str | None = None) -> tuple[str | None, str | None]:
        with seller.two.gongshu.desk() as desk:
            outbox.settled(desk.connection, digest, outcome=outcome, code=code, at=desk.now)
            found = outbox.by_digest(desk.connection, digest)
        assert found is not None
        assert found.settled is not None
        return found.outcome, found.code

    assert after("received") == ("received", None)
    assert after("refused", "contract-not-met") == ("refused", "contract-not-met")
    assert after("received") == ("refused", "contract-not-met")
    assert after("admitted") == ("admitted", None)
    assert after("refused", "file-altered") == ("admitted", None)


def test_nothing_is_released_by_a_contract_that_nobody_has_answered_for(seller: Seller):
    """Rows that came as personal would leave as if they were not, by one slip in a file."""
    grant = seller.grant("n")
    slip = [
        {**column, "customProperties": []} if column["name"] == "person" else column for column in COLUMNS
    ]
    seller.city.declare(slip, version="1.0.1")
    with pytest.raises(ContractError, match=r"2\.0\.0 or higher") as met:
        seller.release(grant=grant.id)
    assert met.value.exit_code == 78
    seller.city.declare(slip, version="2.0.0")
    assert seller.release(grant=grant.id).message
