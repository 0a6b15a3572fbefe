"""The pure decisions: strict JSON, order, rules, grants, states, the number that people compare."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from vectors import world as w

from shanhai.exchange import dsse
from shanhai.exchange.failures import FAILURES, Gap, Refused, Seen, Stage
from shanhai.exchange.grants import widened
from shanhai.exchange.order import Arrival, Position, place
from shanhai.exchange.pairing_states import STEPS, PairingState, Step, check_receives, check_releases, taken
from shanhai.exchange.pairings import number
from shanhai.exchange.rules import BOUNDS, Rules
from shanhai.exchange.strict import canonical, from_base64, parse, read_moment, write_moment
from shanhai.exchange.suites import CLASSIC, HYBRID


def test_canonical_json_is_sorted_bare_and_utf_8():
    value = {"b": [1, None, True], "a": "龙游 é \\"}
    assert canonical(value) == '{"a":"龙游 é \\\\","b":[1,null,true]}'.encode()


DEEP = json.loads("[" * 17 + "]" * 17)


@pytest.mark.parametrize("value", [1.5, float("nan"), "line\nend", 2**53, DEEP], ids=str)
def test_we_do_not_write_what_we_would_refuse(value: object):
    with pytest.raises(ValueError):  # noqa: PT011 -- the message is for us
        canonical({"value": value})


@pytest.mark.parametrize("depth", [15, 16, 17, 18])
def test_depth_has_its_bound(depth: int):
    data = b"[" * depth + b"]" * depth
    if depth <= 17:
        parse(data, most_bytes=100, stage=Stage.ENVELOPE)
    else:
        with pytest.raises(Refused, match="json-depth"):
            parse(data, most_bytes=100, stage=Stage.ENVELOPE)


@pytest.mark.parametrize("text", ["e31", "e31=", "e30=\n", "e30-", " e30=", "e30==", "=", "é"])
def test_base64_has_one_form(text: str):
    with pytest.raises(ValueError):  # noqa: PT011 -- one kind of failure
        from_base64(text)


@pytest.mark.parametrize("year", [1, 999, 2027, 9999])
def test_moments_come_back(year: int):
    moment = datetime(year, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert read_moment(write_moment(moment)) == moment.replace(microsecond=0)


def test_pae_is_that_of_the_dsse_specification():
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == expected


def test_any_order_of_arrival_ends_the_same():
    """Five messages in every order, each tried again while any may pass: all settle, each once."""
    digests = [w.digest(str(seq)) for seq in range(5)]
    for arrivals in itertools.permutations(range(5)):
        position, settled, waiting = Position(), [], list(arrivals)
        while waiting:
            still = []
            for seq in waiting:
                seen = Seen(digests[seq], "p", 0, seq)
                try:
                    place(seen, digests[seq - 1] if seq else None, position=position, signed_generation=0)
                except Gap:
                    still.append(seq)
                    continue
                position = position.after(seen)
                settled.append(seq)
            waiting = still
        assert settled == [0, 1, 2, 3, 4]
        known = Seen(digests[2], "p", 0, 2)
        assert place(known, digests[1], position=position, signed_generation=0) is Arrival.KNOWN


def test_a_lost_record_of_digests_never_lets_an_old_message_pass():
    position = Position(0, 3, w.digest("2"), {})
    for seq in range(3):
        with pytest.raises(Refused, match="replayed"):
            place(Seen(w.digest(str(seq)), "p", 0, seq), None, position=position, signed_generation=0)


def test_the_number_is_sixty_digits_and_the_same_for_both():
    pairing = w.pairing()
    digits = number(pairing)
    assert [len(group) for group in digits.split(" ")] == [5] * 12
    assert digits.replace(" ", "").isdigit()
    assert number(replace(pairing, sides=(pairing.sides[1], pairing.sides[0]))) == digits
    assert number(replace(pairing, id="0" * 32)) != digits


def test_widening_names_each_rule_that_allows_more():
    rules = Rules(suites=(HYBRID,))
    assert rules.widened(rules) == ()
    for name in BOUNDS:
        more = replace(rules, **{name: getattr(rules, name) + 1})
        assert rules.widened(more) == (name,)
        assert more.widened(rules) == ()
    assert rules.widened(replace(rules, suites=(HYBRID, CLASSIC))) == ("suites",)
    assert rules.widened(replace(rules, suites=(CLASSIC,))) == ("suites",)


GRANT = w.grant(masks={"street": "replace-with-null"}, row_filter="opened_at > 0", k=10, rev=1)


@pytest.mark.parametrize(
    "change",
    [
        {"columns": w.COLUMNS},
        {"masks": {}},
        {"masks": {"street": "mask-alphanum"}},
        {"row_filter": None},
        {"purpose": "research"},
        {"share_class": "unconditional"},
        {"onward": "named"},
        {"until": GRANT.until + timedelta(seconds=1)},
        {"valid_from": GRANT.valid_from - timedelta(seconds=1)},
        {"retention_days": GRANT.retention_days + 1},
        {"k": 9},
        {"k": None},
    ],
    ids=str,
)
def test_a_wider_grant_is_known_as_such(change: dict[str, object]):
    assert widened(GRANT, replace(GRANT, rev=2, **change))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"columns": ("street",)},
        {"k": 11},
        {"until": GRANT.until - timedelta(days=1)},
        {"revoked": True},
    ],
    ids=str,
)
def test_a_narrower_grant_is_not_wider(change: dict[str, object]):
    assert not widened(GRANT, replace(GRANT, rev=2, **change))


def test_a_grant_that_comes_back_after_revocation_is_wider():
    assert widened(replace(GRANT, revoked=True), replace(GRANT, rev=3))


def closed(check: Callable[[PairingState], None]) -> dict[PairingState, str]:
    """Why a check refuses each state that it refuses."""
    found = {}
    for state in PairingState:
        try:
            check(state)
        except Refused as refusal:
            found[state] = refusal.code
    return found


def test_parcels_leave_an_active_pairing_alone():
    assert set(PairingState) - set(closed(check_releases)) == {PairingState.ACTIVE}


def test_messages_are_received_once_confirmed_here_until_suspended_here():
    S = PairingState  # noqa: N806 -- as in the table
    assert set(PairingState) - set(closed(check_receives)) == {S.CONFIRMED_HERE, S.ACTIVE, S.SUSPENDED_THERE}
    assert closed(check_receives)[S.SUSPENDED_BOTH] == "pairing-suspended"
    assert closed(check_receives)[S.CONFIRMED_THERE] == "pairing-not-confirmed"


def test_every_state_is_reached_and_only_ended_is_final():
    assert set(STEPS.values()) | {PairingState.OFFERED} == set(PairingState)
    assert set(PairingState) - {state for state, _ in STEPS} == {PairingState.ENDED}
    assert taken(taken(PairingState.ACCEPTED, Step.CONFIRM_HERE), Step.CONFIRM_THERE) is PairingState.ACTIVE
    assert taken(taken(PairingState.ACCEPTED, Step.CONFIRM_THERE), Step.CONFIRM_HERE) is PairingState.ACTIVE


def test_what_the_partner_does_is_only_learnt_where_messages_are_received():
    for state, step in STEPS:
        if step in (Step.SUSPEND_THERE, Step.RESUME_THERE):
            check_receives(state)


def test_every_refusal_has_a_sentence_and_a_stage():
    for code, failure in FAILURES.items():
        kind = Gap if failure.later else Refused
        error = kind(code)
        assert (error.code, error.stage) == (code, failure.stage)
        assert failure.sentence in str(error)
        assert error.recovery == ("retry" if failure.later else "denied")
