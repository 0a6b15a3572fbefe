"""Grants: stated by the owner, told in messages, replaced by revisions, taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import hazards_draft
import pytest
from called import called_here
from hazards_draft import HAZARDS
from locked_node import passphrase_files, told
from refusals import code_of
from two_nodes import Two, confirmed, hand_over, offered

from shanhai.audit.database import transaction
from shanhai.audit.log import EventLog
from shanhai.contracts.model import Column
from shanhai.courier import granted, granting, partners, saying, standing
from shanhai.courier.granted import GIVEN, RECEIVED
from shanhai.errors import ConfigurationError, DeniedError, NotFoundError
from shanhai.exchange.bodies import Suspension
from shanhai.exchange.grants import Grant, HeldGrant
from shanhai.exchange.subjects import Subject
from shanhai.governance.refusals import ShapeRefusedError
from shanhai.governance.values import Data

ROOT = Path(__file__).parents[3]
DRAFT = replace(hazards_draft.DRAFT, row_filter="area_code = '330105'")
COLUMNS = (
    Column(name="area_code", source="area_code", type="string"),
    Column(name="holder", source="holder", type="string", personal=True),
    Column(name="visits", source="visits", type="integer"),
    Column(name="meter_no", source="meter_no", type="string", min_length=16),
)
DATA = Data(DRAFT.subject, "conditional", COLUMNS, key=("meter_no",))


def given_at(two: Two) -> list[Grant]:
    with two.gongshu.desk() as desk:
        return [one.grant for one in granted.every(desk.connection) if one.direction == GIVEN]


def held_at(two: Two) -> dict[str, HeldGrant]:
    with two.longyou.desk() as desk:
        return dict(granted.received(desk.connection, two.longyou.partner("gongshu").pairing))


def test_a_grant_is_told_to_the_partner_as_it_stands(paired: Two):
    with paired.gongshu.desk() as desk:
        grant = granting.add(desk, "longyou", DRAFT, data=DATA)
    assert (grant.rev, grant.grantee, grant.masks) == (1, paired.longyou.keyset.node, DRAFT.masks)
    (body,) = hand_over(paired.gongshu, paired.longyou)
    assert body.content == grant
    assert held_at(paired) == {grant.id: HeldGrant(paired.gongshu.keyset.node, grant)}
    assert given_at(paired) == [grant]
    assert paired.gongshu.events()[-2:] == [("grant", "Li Wei"), ("ship", "Li Wei")]
    with paired.gongshu.desk() as desk:
        *_, event, ship = (one.event for one in EventLog(desk.connection).entries())
        (kept,) = granted.every(desk.connection)
    assert event is not None
    assert ship is not None
    assert dict(event.about) == {
        "pairing": kept.pairing,
        "grant": grant.id,
        "revision": 1,
        "dataset": "gongshu.hazards",
        "digest": granted.digest_of(grant),
    }
    # Of another grant under the same number the event says nothing.
    assert granted.digest_of(replace(grant, purpose="another")) != event.about["digest"]
    assert ship.about["message"] == kept.message


def test_revisions_replace_and_a_revoked_grant_stays_revoked(paired: Two):
    with paired.gongshu.desk() as desk:
        first = granting.add(desk, "longyou", DRAFT)
        second = granting.revise(desk, first.id[:8], replace(DRAFT, columns=("area_code",), masks={})).grant
        third = granting.revoke(desk, first.id).grant
        assert [one.rev for one in (first, second, third)] == [1, 2, 3]
        assert (second.revoked, third.revoked, third.columns) == (False, True, ("area_code",))
        events = paired.gongshu.events()
        assert granting.revoke(desk, first.id) == granting.Changed(third, (), untold=False, already=True)
        assert paired.gongshu.events() == events
        with pytest.raises(DeniedError, match="the grant is revoked"):
            granting.revise(desk, first.id, DRAFT)
        assert granted.revision(desk.connection, GIVEN, first.id, 2) == second
        assert granted.newest(desk.connection, GIVEN, first.id) == third
        assert granted.given(desk.connection, paired.gongshu.partner("longyou").pairing, HAZARDS) == (third,)
    assert [body.content for body in hand_over(paired.gongshu, paired.longyou)] == [first, second, third]
    assert held_at(paired)[first.id].grant == third


def test_a_wider_revision_is_asked_for(paired: Two):
    """More columns, fewer masks or a longer time are no slip of the keyboard."""
    with paired.gongshu.desk() as desk:
        grant = granting.add(desk, "longyou", DRAFT)
        longer = replace(DRAFT, until=DRAFT.until + timedelta(days=1))
        for draft in (longer, replace(DRAFT, masks={}), replace(DRAFT, row_filter=None)):
            with pytest.raises(DeniedError, match="allows something that the grant did not"):
                granting.revise(desk, grant.id, draft)
        other = replace(DRAFT, subject=Subject("dataset", "gongshu.events"))
        with pytest.raises(DeniedError, match="about the same"):
            granting.revise(desk, grant.id, other, wider=True)
        assert granting.revise(desk, grant.id, longer, wider=True).grant.until == longer.until
    assert [one.rev for one in given_at(paired)] == [2]


def test_grants_end_with_their_pairing(paired: Two):
    with paired.gongshu.desk() as desk:
        granting.add(desk, "longyou", DRAFT)
    hand_over(paired.gongshu, paired.longyou)
    with paired.longyou.desk() as desk:
        assert len(granted.HeldGrants(desk.connection, desk.me)) == 1
        standing.end(desk, "gongshu")
        assert granted.HeldGrants(desk.connection, desk.me) == {}


def test_a_grant_that_comes_back_from_the_grantee_is_refused(paired: Two):
    """grant-widened-by-grantee: what we gave, nobody else states."""
    with paired.gongshu.desk() as desk:
        grant = granting.add(desk, "longyou", DRAFT)
    hand_over(paired.gongshu, paired.longyou)
    wider = replace(grant, rev=2, grantee=paired.gongshu.keyset.node, columns=("area_code",), masks={})
    pairing = paired.longyou.partner("gongshu").pairing
    with paired.longyou.desk() as desk, transaction(desk.connection):
        saying.say(desk, pairing, wider)
    assert code_of(lambda: hand_over(paired.longyou, paired.gongshu)) == "grant-widened-by-grantee"
    assert given_at(paired) == [grant]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"masks": {"visits": "replace-with-null"}}, "mask-of-other-column"),
        ({"masks": {"holder": "show-first-4"}}, "mask-short-chinese-name"),
        ({"row_filter": "random() < 0.5"}, "row-filter-not-allowed"),
        (
            {"columns": ("meter_no",), "masks": {"meter_no": "sha-256-global"}},
            "mask-sha-on-small-domain",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_release_would_let_pass_is_not_granted(paired: Two, changed: dict[str, object], code: str):
    draft = replace(DRAFT, **changed)
    with paired.gongshu.desk() as desk, pytest.raises(ShapeRefusedError) as refused:
        granting.add(desk, "longyou", draft, data=DATA)
    assert refused.value.code == code
    assert given_at(paired) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"columns": ("area_code", "nobody"), "masks": {}},
        {"masks": {"nobody": "replace-with-null"}},
        {"masks": {"holder": "rot13"}},
        {"row_filter": "nobody = 1"},
    ],
    ids=str,
)
def test_a_name_that_is_none_is_mistyped_and_not_denied(paired: Two, changed: dict[str, object]):
    draft = replace(DRAFT, **changed)
    with paired.gongshu.desk() as desk, pytest.raises(NotFoundError) as unknown:
        granting.add(desk, "longyou", draft, data=DATA)
    assert unknown.value.given in ("nobody", "rot13")
    assert unknown.value.allowed
    assert given_at(paired) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"purpose": "Flood drill"},
        {"until": DRAFT.valid_from},
        {"columns": None},
        {"columns": ("area_code", "area_code"), "masks": {}},
        {"row_filter": "area_code = '\x00'"},
        {"retention_days": 0},
        {"k": 1},
        {"subject": Subject("application", "water_desk")},
        {"subject": Subject("dataset", "no dataset")},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_no_partner_would_accept_is_not_granted(paired: Two, changed: dict[str, object]):
    before = paired.gongshu.events()
    with paired.gongshu.desk() as desk, pytest.raises(ConfigurationError, match="not a grant that a partner"):
        granting.add(desk, "longyou", replace(DRAFT, **changed))
    assert (given_at(paired), paired.gongshu.events()) == ([], before)


def test_an_application_is_granted_whole(paired: Two):
    desk_app = replace(
        DRAFT, subject=Subject("application", "water_desk"), columns=None, masks={}, row_filter=None
    )
    with paired.gongshu.desk() as desk:
        grant = granting.add(desk, "longyou", desk_app)
    (body,) = hand_over(paired.gongshu, paired.longyou)
    assert body.content == grant


def test_nothing_is_granted_before_this_node_confirmed_nor_after_the_end(two: Two):
    offered(two)
    with two.gongshu.desk() as desk:
        with pytest.raises(ConfigurationError, match="not accepted the offer yet"):
            granting.add(desk, "longyou", DRAFT)
        with pytest.raises(NotFoundError, match="no such partner"):
            granting.add(desk, "zhaohua", DRAFT)
        standing.end(desk, "longyou")
    confirmed(two)
    with two.gongshu.desk() as desk:
        grant = granting.add(desk, "longyou", DRAFT)
        standing.end(desk, "longyou")
        assert code_of(lambda: granting.revoke(desk, grant.id)) == "pairing-ended"
    assert given_at(two) == [grant]


def test_a_suspended_partner_still_learns_what_is_revoked_and_a_frozen_one_does_not(paired: Two):
    with paired.gongshu.desk() as desk:
        grant = granting.add(desk, "longyou", DRAFT)
        standing.suspend(desk, "longyou")
        granting.revoke(desk, grant.id)
    *_, suspended, revoked = [body.content for body in hand_over(paired.gongshu, paired.longyou)]
    assert suspended == Suspension(True, None)
    assert isinstance(revoked, Grant)
    assert revoked.revoked
    with paired.gongshu.desk() as desk:
        pairing = partners.named(desk.connection, "longyou").pairing
        partners.freeze(desk.connection, pairing, "ab" * 32, desk.now)
        with pytest.raises(DeniedError, match="frozen"):
            granting.add(desk, "longyou", DRAFT)


def test_a_grant_is_found_by_its_first_digits(paired: Two):
    with paired.gongshu.desk() as desk:
        one, two = (granting.add(desk, "longyou", replace(DRAFT, purpose=word)) for word in ("one", "two"))
        assert granting.given(desk, two.id[:16]).grant == two
        for text in ("", one.id[:3], "zzzz", "%"):
            with pytest.raises(NotFoundError, match="no such grant"):
                granting.given(desk, text)
        assert len(granted.HeldGrants(desk.connection, desk.me)) == 2


def test_the_very_same_revision_again_changes_nothing(paired: Two):
    with paired.gongshu.desk() as desk:
        grant = granting.add(desk, "longyou", DRAFT)
    hand_over(paired.gongshu, paired.longyou)
    with paired.longyou.desk() as desk:
        pairing = paired.longyou.partner("gongshu").pairing
        (before,) = granted.every(desk.connection)
        granted.keep(desk.connection, RECEIVED, pairing, grant, at=desk.now, message="ab" * 32)
        assert granted.every(desk.connection) == (before,)


def test_the_command_line_grants_what_a_contract_says(
    paired: Two, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shanhai = called_here(capsys)
    variables = passphrase_files(tmp_path / "passphrases") | {"SHANHAI_FEDERATION": str(ROOT)}
    home = paired.gongshu.home
    empty = shanhai(home, "grant", "list", **variables)
    assert (empty.returncode, "Nothing is granted yet" in empty.stderr) == (0, True)
    call = ("grant", "add", "longyou.hazards", "--to", "longyou", "--purpose", "flood-drill")
    call += ("--until", "2099-06-30", "--retention-days", "90", "--by", "Li Wei")
    given = told(shanhai(home, *call, "--rows", "risk_score >= 60", "--format", "json", **variables))
    assert (given["rev"], given["subject"], given["row_filter"]) == (
        1,
        {"dataset": "longyou.hazards"},
        "risk_score >= 60",
    )
    counted = shanhai(home, *call, "--k", "10", **variables)
    assert "By the clock nothing leaves under it" in counted.stdout + counted.stderr
    wrong = shanhai(home, *call, "--column", "nobody", **variables)
    assert (wrong.returncode, "no such column" in wrong.stderr) == (78, True)
    gone = shanhai(home, "grant", "revoke", str(given["id"])[:6], "--by", "Li Wei", **variables)
    assert gone.returncode == 0, gone.stderr
    listed = json.loads(shanhai(home, "grant", "list", "--format", "json", **variables).stdout)
    (row,) = (one for one in listed if one["grant"] == given["id"])
    assert (row["rev"], row["state"], row["partner"], row["direction"]) == (2, "revoked", "longyou", "given")
