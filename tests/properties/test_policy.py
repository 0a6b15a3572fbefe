"""No case is allowed that one rule denies; more rights never allow less; without a grant nothing leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from stated_cases import ALL, GRANT, NAMES, ONWARD, OTHERS, PEOPLE, SUBJECTS, TIME, Stated, stated
from vectors.shape_cases import THERE

from shanhai.contracts.model import Column
from shanhai.exchange.grants import Grant, check_covers
from shanhai.governance.findings import RULES, Finding
from shanhai.governance.policy import Outcome, ReleaseDeniedError, check_can_release, decide
from shanhai.governance.shape import Shape
from shanhai.governance.values import terms_of

EXAMPLES = settings(max_examples=300, deadline=None, print_blob=True)


def wrong(one: Stated, grant: Grant) -> list[str]:
    """The rules by their words, written down a second time."""
    columns = {column.name: column for column in ALL}
    leave = [columns[name] for name in one.readable if name in one.names]
    named = set(grant.columns or ())
    by_others = set(NAMES) if one.others == OTHERS[1] and one.subject == SUBJECTS[0] else set()
    leaves = [columns[name] for name in one.names]
    shown = one.shown
    told_masks, told_filter = one.told
    return [
        rule
        for rule, holds in {
            "grant": grant.grantee == one.recipient
            and not grant.revoked
            and grant.subject == one.asked == one.subject
            and grant.rev == one.revision,
            "pairing": one.pairing == "active",
            "validity": grant.valid_from <= TIME < grant.until,
            "standing": one.state == "stands",
            "share-class": one.held_class != "not_shared"
            and one.held_class == grant.share_class == one.share_class,
            "purpose": one.purpose == grant.purpose and bool(one.purpose.strip()),
            "columns": 0 < len(one.readable) == len(leave)
            and (
                set(one.readable) <= named if grant.columns is not None else one.subject.kind == "application"
            )
            and (
                set(one.names) <= named | by_others
                if grant.columns is not None
                else one.subject.kind == "application"
            )
            and set(one.names if one.order is None else one.order) <= set(one.readable),
            "classification": all(
                column.name in named | by_others
                for column in leaves
                if column.personal or column.classification == "core"
            ),
            "masks": not ({"md5"} & set(shown.values()))
            and shown.get("seen_at") != "mask-alphanum"
            and shown.get("person_name") != "show-last-4"
            and shown.get("visits") != "sha-256-global"
            and all(
                shown.get(column.name) == grant.masks[column.name]
                for column in leave
                if column.name in grant.masks
            )
            and all(told_masks.get(column.name) == shown.get(column.name) for column in leave),
            "rows": grant.row_filter == one.row_filter == told_filter,
            "onward": (one.onward, grant.onward)
            in {("none", "none"), *(("none", to) for to in ("named", "open")), ("named", "named")}
            | {("named", "open"), ("open", "open")}
            and (
                one.received is None
                or one.received.onward == "open"
                or (
                    one.received.onward == "named"
                    and one.recipient in one.received.named
                    and one.onward == "none"
                )
            ),
            "retention": TIME < one.retain_until <= TIME + timedelta(days=max(grant.retention_days, 0)),
            "four-eyes": bool(one.releaser.strip())
            and (not any(column.personal for column in leaves) or apart(one.releaser, one.approver)),
            "k-anonymity": k_rule(one, grant),
        }.items()
        if not holds
    ]


def apart(releaser: str, approver: str | None) -> bool:
    return approver in PEOPLE[:3] and {releaser, approver} not in ({"Wang Li", "wang  li"}, {releaser})


def k_rule(one: Stated, grant: Grant) -> bool:
    if one.counts_people and (grant.k is None or grant.k < 2):
        return False
    beside = 5 if one.others == OTHERS[5] and (one.recipient, one.subject) == (THERE, SUBJECTS[0]) else 0
    k = max(grant.k or 0, beside)
    if k < 2:
        return True
    counted = one.counted
    return (
        counted is not None
        and counted.measure[0] == 7
        and one.sent <= counted.compared_with
        and one.read | set(one.readable) <= counted.columns
        and (counted.smallest_group is None or counted.smallest_group >= k)
        and all(
            not count or count >= k for count in (counted.smallest_complement, counted.smallest_difference)
        )
    )


@EXAMPLES
@given(stated())
def test_denied_by_exactly_the_rules_that_are_broken(drawn):
    one, grant = drawn
    decision = decide(one.case(grant))
    event(f"allowed: {decision.allowed}")
    broken = wrong(one, grant)
    assert [outcome.rule for outcome in decision.denials] == broken
    assert decision.allowed == (not broken)
    assert decision.rule == (broken[0] if broken else None)
    assert [outcome.rule for outcome in decision.outcomes] == list(RULES)
    assert all(bool(outcome.change("zh")) != outcome.allows for outcome in decision.outcomes)
    assert not decide(one.case(None)).allowed
    if decision.allowed:
        request = one.case(grant).request
        check_covers(grant, request.terms, subject=request.subject, issued=TIME)


@EXAMPLES
@given(stated(), st.data())
def test_more_rights_never_allow_less(drawn, data):
    one, grant = drawn
    if not decide(one.case(grant)).allowed:
        return
    extra = data.draw(st.lists(st.sampled_from(NAMES)))
    wider = replace(
        grant,
        columns=None if grant.columns is None else (*grant.columns, *extra),
        valid_from=grant.valid_from - timedelta(days=data.draw(st.integers(0, 9))),
        until=grant.until + timedelta(days=data.draw(st.integers(0, 9))),
        retention_days=grant.retention_days + data.draw(st.integers(0, 9)),
        onward=data.draw(st.sampled_from(ONWARD[ONWARD.index(grant.onward) : 3])),
        masks={name: mask for name, mask in grant.masks.items() if data.draw(st.booleans())},
        k=data.draw(st.integers(2, grant.k)) if grant.k and grant.k >= 2 else grant.k,
    )
    assert decide(one.case(wider)).allowed


def test_terms_are_made_of_the_shape():
    stated = Stated(shape_masks={"visits": "mask-to-fixed-value", "closed": "mask-to-fixed-value"})
    case = stated.case(GRANT)
    terms = terms_of(case.request.shape, GRANT, ["village", "visits"], retain_until=TIME + timedelta(days=1))
    assert terms.masks == {"visits": "mask-to-fixed-value"}
    assert decide(replace(case, request=replace(case.request, terms=terms))).allowed


def test_a_denial_is_an_error_that_says_which_rule():
    case = Stated(purpose="marketing").case(GRANT)
    with pytest.raises(ReleaseDeniedError, match="follow-up") as denied:
        check_can_release(case)
    assert denied.value.given == "purpose: purpose-differs"
    assert check_can_release(Stated().case(GRANT)).allowed


def test_a_denial_says_each_sentence_once():
    case = Stated().case(None)
    with pytest.raises(ReleaseDeniedError) as denied:
        check_can_release(case)
    told = denied.value
    assert len([one for one in told.decision.denials if one.finding and one.finding.code == "no-grant"]) > 1
    assert told.message == "the release is denied: There is no grant."
    assert told.hint == "The owner would have to grant it. To grant: shanhai grant add."


def test_a_decision_that_was_not_asked_everything_allows_nothing():
    decision = decide(Stated().case(GRANT))
    assert decision.allowed
    assert not replace(decision, outcomes=decision.outcomes[1:]).allowed
    assert not replace(decision, outcomes=()).allowed
    denied = Outcome("pairing", Finding("pairing-not-active", {"given": "ended"}))
    assert not replace(decision, outcomes=(*decision.outcomes[:1], denied, *decision.outcomes[2:])).allowed


def test_a_column_that_the_contract_knows_otherwise_is_no_column_of_it():
    """A set is judged by the contract as it is, not by the one that its shape was made from."""
    case = Stated().case(GRANT)
    loosened = tuple(
        Column(**{**vars(column), "personal": False}) if column.name == "person_name" else column
        for column in ALL
    )
    case = replace(case, request=replace(case.request, shape=Shape(loosened[1:5])))
    denied = [outcome.finding.code for outcome in decide(case).denials]
    assert "column-unknown" in denied
