"""A pairing that stands: suspended, resumed, frozen, ended, and made anew."""

from __future__ import annotations

import pytest
from refusals import code_of
from two_nodes import Two, confirmed, hand_over, offered, states

from shanhai.courier import outbox, partners, standing, waiting
from shanhai.errors import ConfigurationError, DeniedError
from shanhai.exchange.bodies import End, Suspension
from shanhai.exchange.pairing_states import PairingState


def test_suspended_resumed_and_ended_in_messages(paired: Two):
    with paired.gongshu.desk() as desk:
        standing.suspend(desk, "longyou", reason="we look into a leak")
    (suspended,) = hand_over(paired.gongshu, paired.longyou)
    assert suspended.content == Suspension(True, "we look into a leak")
    assert states(paired) == ("suspended_here", "suspended_there")
    with paired.longyou.desk() as desk:
        standing.suspend(desk, "gongshu")
    assert code_of(lambda: hand_over(paired.longyou, paired.gongshu)) == "pairing-suspended"
    with paired.gongshu.desk() as desk:
        standing.resume(desk, "longyou")
    (waited,) = hand_over(paired.longyou, paired.gongshu)
    assert waited.content == Suspension(True, None)
    with paired.longyou.desk() as desk:
        standing.resume(desk, "gongshu")
    (resumed,) = hand_over(paired.gongshu, paired.longyou)
    assert resumed.content == Suspension(False, None)
    hand_over(paired.longyou, paired.gongshu)
    assert states(paired) == ("active", "active")
    with paired.longyou.desk() as desk:
        standing.end(desk, "gongshu", reason="the programme is over")
    *_, ended = hand_over(paired.longyou, paired.gongshu)
    assert ended.content == End("the programme is over")
    assert states(paired) == ("ended", "ended")
    said = [kind for kind, _ in paired.longyou.events()]
    assert said[-6:] == ["suspend", "ship", "resume", "ship", "end", "ship"]


def test_steps_that_cannot_be_taken_leave_nothing(paired: Two):
    with paired.gongshu.desk() as desk:
        before = paired.gongshu.partner("longyou"), paired.gongshu.events()
        with pytest.raises(ConfigurationError, match="a reason that cannot be told"):
            standing.suspend(desk, "longyou", reason="two\nlines")
        with pytest.raises(ConfigurationError, match="is not frozen"):
            standing.thaw(desk, "longyou")
        assert (paired.gongshu.partner("longyou"), paired.gongshu.events()) == before
        standing.end(desk, "longyou")
        for again in (standing.suspend, standing.resume):
            assert code_of(lambda again=again: again(desk, "longyou")) in (
                "pairing-step-wrong",
                "pairing-ended",
            )


def test_a_step_that_was_taken_already_changes_nothing(paired: Two):
    with paired.gongshu.desk() as desk:
        for step in (standing.resume, standing.suspend, standing.resume, standing.end):
            step(desk, "longyou")
            before = paired.gongshu.partner("longyou"), paired.gongshu.events()
            again = step(desk, "longyou", reason="again")
            assert (again.already, again.untold, again.taken_back) == (True, False, ())
            assert (paired.gongshu.partner("longyou"), paired.gongshu.events()) == before
    said = [body.content for body in hand_over(paired.gongshu, paired.longyou)]
    assert [type(one) for one in said] == [Suspension, Suspension, End]


def test_a_partner_that_left_is_paired_anew_under_its_name(paired: Two):
    for node, partner in ((paired.gongshu, "longyou"), (paired.longyou, "gongshu")):
        with node.desk() as desk:
            standing.end(desk, partner)
    old = paired.gongshu.partner("longyou").pairing
    confirmed(paired)
    hand_over(paired.gongshu, paired.longyou)
    new = paired.gongshu.partner("longyou")
    assert new.pairing != old
    assert states(paired) == ("confirmed_here", "active")
    with paired.gongshu.desk() as desk:
        assert [one.state.value for one in partners.every(desk.connection)] == ["confirmed_here", "ended"]


def test_an_offer_that_nobody_answered_ends_without_a_word(two: Two):
    offered(two)
    with two.gongshu.desk() as desk:
        ended = standing.end(desk, "longyou").partner
        assert (ended.state, outbox.of_pairing(desk.connection, ended.pairing)) == (PairingState.ENDED, ())
    assert [kind for kind, _ in two.gongshu.events()] == ["offer", "end"]


def test_a_frozen_pairing_goes_on_when_a_person_says_so(paired: Two):
    with paired.gongshu.desk() as desk:
        pairing_id = partners.named(desk.connection, "longyou").pairing
        partners.freeze(desk.connection, pairing_id, "ab" * 32, desk.now)
        partners.freeze(desk.connection, pairing_id, "cd" * 32, desk.now)
        frozen = partners.named(desk.connection, "longyou")
        assert frozen.frozen == "ab" * 32
        assert [(one.kind, one.about) for one in waiting.open_ones(desk.connection)] == [("fork", pairing_id)]
        with pytest.raises(DeniedError, match="contradict each other"):
            standing.resume(desk, "longyou")
        thawed = standing.thaw(desk, "longyou")
        assert (thawed.frozen, thawed.state, waiting.open_ones(desk.connection)) == (None, frozen.state, ())
    assert paired.gongshu.events()[-1] == ("fork-decided", "Li Wei")
