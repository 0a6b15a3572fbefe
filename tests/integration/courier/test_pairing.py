"""Two nodes pair: files that people carry, one number, and nothing said before both have confirmed it."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from locked_node import passphrase_files, shanhai, told, typed
from two_nodes import Two, accepted, confirmed, hand_over, number_at, offered, rotated

from shanhai.audit.checkpoints import origin_of, read_checkpoint
from shanhai.audit.failures import LogUnwritableError
from shanhai.audit.log import EventLog
from shanhai.audit.verify import Expected, verify_log
from shanhai.clock import system_clock
from shanhai.courier import outbox, pairing, partners, standing, waiting
from shanhai.courier.carried import Carried, read_carried, write_carried
from shanhai.courier.own_keys import keyring_of, publish_log
from shanhai.errors import ConfigurationError, DeniedError, NotFoundError
from shanhai.exchange.bodies import Body, End, NewKeyset, Suspension
from shanhai.exchange.failures import Gap, Refused
from shanhai.exchange.keyset_documents import read_keyset, sign_keyset
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.pairings import (
    Offer,
    Side,
    agree,
    kept_offer,
    read_pairing,
    sign_offer,
    sign_pairing,
)
from shanhai.exchange.rules import Rules
from shanhai.keyring.age import new_identity
from shanhai.keyring.holdings import Holdings
from shanhai.keyring.rotation import Policy, first_keyset, new_keys, new_roots


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises((Refused, Gap)) as refused:
        call()
    return refused.value.code


def states(two: Two) -> tuple[str, str]:
    return two.gongshu.partner("longyou").state.value, two.longyou.partner("gongshu").state.value


def test_two_nodes_pair_and_each_learns_from_the_other_s_first_message(two: Two):
    confirmed(two)
    assert states(two) == ("confirmed_here", "confirmed_here")
    (first,) = hand_over(two.gongshu, two.longyou)
    assert isinstance(first.content, NewKeyset)
    assert states(two) == ("confirmed_here", "active")
    hand_over(two.longyou, two.gongshu)
    assert states(two) == ("active", "active")
    steps = ["offer", "accept", "confirm", "ship"]
    assert two.gongshu.events() == [(kind, "Li Wei") for kind in steps]
    assert two.longyou.events() == [(kind, "Chen Mei") for kind in steps[1:]]


def test_what_both_signed_is_at_both(two: Two):
    acceptance = accepted(two, offered(two))
    with two.gongshu.desk() as desk:
        pairing.take(desk, "longyou", acceptance)
        partner = pairing.confirm(desk, "longyou", number_at(two.longyou, "gongshu"))
        document = pairing.carried_file(desk.home, partner)
    with two.longyou.desk() as desk:
        pairing.take(desk, "gongshu", document)
    keysets = {one.keyset.node: one.keyset for one in (two.gongshu, two.longyou)}
    kept = [two.gongshu.partner("longyou"), two.longyou.partner("gongshu")]
    assert kept[0].document == kept[1].document
    for one in kept:
        offer = partners.offer_of(one)
        read = read_pairing(
            one.document or b"", offer=offer, keysets=keysets, signed=tuple(keysets), now=system_clock()
        )
        assert (read.id, read.rules) == (one.pairing, Rules())
    assert (kept[0].folder_out, kept[0].folder_in) == (kept[1].folder_in, kept[1].folder_out)


def test_a_number_that_was_heard_wrong_confirms_nothing(two: Two):
    """pair-fingerprint-mismatch: no state, no event, no message; and the right one still confirms."""
    acceptance = accepted(two, offered(two))
    right = number_at(two.longyou, "gongshu")
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)
    with two.gongshu.desk() as desk:
        taken = pairing.take(desk, "longyou", acceptance)
        assert code_of(lambda: pairing.confirm(desk, "longyou", wrong)) == "pair-fingerprint-mismatch"
        assert partners.of_pairing(desk.connection, taken.pairing) == taken
        assert outbox.of_pairing(desk.connection, taken.pairing) == ()
        assert [one.kind for one in waiting.open_ones(desk.connection)] == ["confirm"]
        pairing.confirm(desk, "longyou", right.replace(" ", "\n"))
        assert waiting.open_ones(desk.connection) == ()
    assert [kind for kind, _ in two.gongshu.events()] == ["offer", "accept", "confirm", "ship"]


@dataclass(frozen=True)
class Stranger:
    """Somebody with keys who sits where the files are carried by."""

    keyset: Keyset
    envelope: bytes
    holdings: Holdings

    def side(self, name: str) -> Side:
        return Side(self.keyset.node, name, self.keyset.roots)


def stranger(now: datetime) -> Stranger:
    roots, fresh = new_roots(Policy()), new_keys(Policy())
    envelope = sign_keyset(first_keyset("longyou", roots, fresh, Policy(), now), roots.keys)
    keyset = read_keyset(envelope, roots=[key.public for key in roots.keys])
    held = Holdings(new_identity(), tuple(key for keys in fresh.values() for key in keys))
    return Stranger(keyset, envelope, held)


def test_who_exchanges_the_files_is_betrayed_by_the_number(two: Two):
    """Each document is in order by itself: only the two people see that they are not of the same pairing."""
    now = system_clock().replace(microsecond=0)
    mallory = stranger(now)
    signers = mallory.holdings.signers(mallory.keyset, now)
    carried = read_carried(offered(two), "offer")
    real = kept_offer(carried.document)
    false_offer = sign_offer(Offer(real.pairing, mallory.side("gongshu"), real.rules), signers)
    accepted(two, write_carried(Carried("offer", false_offer, mallory.envelope, carried.folder)))
    false = sign_pairing(agree(real, mallory.side("longyou")), signers)
    with two.gongshu.desk() as desk:
        pairing.take(
            desk, "longyou", write_carried(Carried("acceptance", false, mallory.envelope, carried.folder))
        )
        assert number_at(two.longyou, "gongshu") != number_at(two.gongshu, "longyou")
        heard = number_at(two.longyou, "gongshu")
        assert code_of(lambda: pairing.confirm(desk, "longyou", heard)) == "pair-fingerprint-mismatch"


def test_keys_of_another_node_cannot_be_listed(two: Two):
    """Nobody proves that he holds what he lists: with our keys there, our signatures would count as his."""
    now = system_clock().replace(microsecond=0)
    roots = new_roots(Policy())
    ours = two.longyou.keyset.keys
    keyset = replace(first_keyset("gongshu", roots, new_keys(Policy()), Policy(), now), keys=ours)
    envelope = sign_keyset(keyset, roots.keys)
    signers = two.longyou.holdings.signers(two.longyou.keyset, now)
    side = Side(keyset.node, "gongshu", keyset.roots)
    offer = sign_offer(Offer("ab" * 16, side, Rules()), signers)
    file = write_carried(Carried("offer", offer, envelope, "cd" * 16))
    assert code_of(lambda: accepted(two, file)) == "keyset-unusable"
    with pytest.raises(NotFoundError):
        two.longyou.partner("gongshu")


def test_an_acceptance_of_another_offer_is_refused(two: Two):
    """pair-countersign-other-document, and the state stays."""
    acceptance = accepted(two, offered(two))
    with two.gongshu.desk() as desk:
        standing.end(desk, "longyou")
        second = pairing.offer(desk, "longyou", relay=two.relay, rules=Rules(skew=60))
        code = code_of(lambda: pairing.take(desk, "longyou", acceptance))
        assert code == "pair-countersign-other-document"
        assert partners.of_pairing(desk.connection, second.pairing).state is PairingState.OFFERED


def test_rules_that_were_changed_on_the_way_are_refused(two: Two):
    """The offer is signed: who alters it needs other roots, and then the number differs."""
    carried = read_carried(offered(two), "offer")
    value = json.loads(carried.document)
    payload = json.loads(base64.b64decode(value["payload"]))
    payload["rules"]["skew"] = 86_400
    value["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    altered = Carried("offer", json.dumps(value).encode(), carried.keyset, carried.folder)
    assert code_of(lambda: accepted(two, write_carried(altered))) == "sig-forged"
    with pytest.raises(NotFoundError, match="no such partner"):
        two.longyou.partner("gongshu")


def test_each_step_run_again_gives_the_same_file(two: Two):
    offer = offered(two)
    assert offered(two) == offer
    acceptance = accepted(two, offer)
    assert accepted(two, offer) == acceptance
    with two.gongshu.desk() as desk:
        before = pairing.take(desk, "longyou", acceptance)
        assert pairing.take(desk, "longyou", acceptance) == before
        with pytest.raises(ConfigurationError, match="known already"):
            pairing.offer(desk, "longyou", relay=two.relay + "/other")
        with pytest.raises(ConfigurationError, match="nothing to carry"):
            pairing.carried_file(desk.home, before)
    assert [kind for kind, _ in two.gongshu.events()] == ["offer", "accept"]


def test_what_cannot_be_paired(two: Two):
    offer = offered(two)
    with two.gongshu.desk() as desk:
        with pytest.raises(ConfigurationError, match="an offer of this node itself"):
            pairing.accept(desk, offer, "myself", relay=two.relay)
        with pytest.raises(ConfigurationError, match="not accepted the offer yet"):
            pairing.confirm(desk, "longyou", "0" * 60)
        with pytest.raises(ConfigurationError, match="not the name of a partner"):
            pairing.offer(desk, "Longyou", relay=two.relay)
        with pytest.raises(ConfigurationError, match="the rule skew"):
            pairing.offer(desk, "zhaohua", relay=two.relay, rules=Rules(skew=86_401))
        with pytest.raises(ConfigurationError, match="not the one that is wanted"):
            pairing.take(desk, "longyou", offer)
    for data in (b"", b"{}", offer[:-40], b"\xff" * 100, offer.replace(b'"v":1', b'"v":2')):
        assert code_of(lambda data=data: accepted(two, data)) in (
            "json-not-strict",
            "json-missing-field",
            "version-unknown",
        )


def test_a_demonstration_says_so_in_the_log(two: Two):
    acceptance = accepted(two, offered(two))
    with two.gongshu.desk() as desk:
        pairing.take(desk, "longyou", acceptance)
        pairing.confirm_without_people(desk, "longyou")
    nobody = pairing.DEMONSTRATION
    assert two.gongshu.events()[2:] == [("confirm", nobody), ("ship", nobody)]


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
        assert code_of(lambda: standing.resume(desk, "longyou")) == "pairing-step-wrong"
        with pytest.raises(ConfigurationError, match="a reason that cannot be told"):
            standing.suspend(desk, "longyou", reason="two\nlines")
        with pytest.raises(ConfigurationError, match="is not frozen"):
            standing.thaw(desk, "longyou")
        assert (paired.gongshu.partner("longyou"), paired.gongshu.events()) == before
        standing.end(desk, "longyou")
        for again in (standing.end, standing.suspend, standing.resume):
            assert code_of(lambda again=again: again(desk, "longyou")) in (
                "pairing-step-wrong",
                "pairing-ended",
            )


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


def test_without_the_log_nothing_is_confirmed(two: Two):
    """The event of the message is the second of the step: where it cannot be written, all is undone."""
    acceptance = accepted(two, offered(two))
    with two.gongshu.desk() as desk:
        before = pairing.take(desk, "longyou", acceptance)
        desk.connection.execute(
            "CREATE TRIGGER no_room BEFORE INSERT ON event "
            'WHEN CAST(NEW.document AS TEXT) LIKE \'%"kind":"ship"%\' '
            "BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
        with pytest.raises(LogUnwritableError, match="no room"):
            pairing.confirm_without_people(desk, "longyou")
        assert partners.of_pairing(desk.connection, before.pairing) == before
        assert outbox.of_pairing(desk.connection, before.pairing) == ()
        assert [one.kind for one in waiting.open_ones(desk.connection)] == ["confirm"]
    assert [kind for kind, _ in two.gongshu.events()] == ["offer", "accept"]


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


def test_new_keys_are_told_by_the_old_ones(paired: Two):
    """A partner that knows the old keyset believes the message that brings the new one, and all after it."""
    later = system_clock().replace(microsecond=0) + timedelta(hours=1)
    gongshu, after = rotated(paired.gongshu, now=later), later + timedelta(hours=1)
    with gongshu.desk(now=after) as desk:
        assert standing.tell_keyset(desk) == ("longyou",)
        assert standing.tell_keyset(desk) == ()
        standing.suspend(desk, "longyou")
    told_so, suspended = hand_over(gongshu, paired.longyou, now=after)
    assert isinstance(told_so.content, NewKeyset)
    assert suspended.content == Suspension(True, None)
    with paired.longyou.desk() as desk:
        partner = partners.named(desk.connection, "gongshu")
        newest, oldest = partners.their_keyset(partner), kept_first_keyset(paired)
        assert (newest.version, oldest.version) == (2, 1)
        found = partners.keyset_of_digest(desk.connection, partner.pairing, oldest.digest)
        assert found == oldest


def kept_first_keyset(two: Two) -> Keyset:
    file = two.gongshu.home / "keyring" / "keysets" / "000001.json"
    return read_keyset(file.read_bytes(), roots=two.gongshu.keyset.roots)


def test_after_a_theft_the_keyset_comes_by_hand(paired: Two):
    """No old key may speak any more: a partner that knows no new one refuses, until people bring the file."""
    later = system_clock().replace(microsecond=0) + timedelta(hours=1)
    stolen = dict.fromkeys((one.kid for one in paired.gongshu.keyset.of_use("sign")), later)
    gongshu, after = rotated(paired.gongshu, now=later, compromised=stolen), later + timedelta(minutes=1)
    with gongshu.desk(now=after) as desk:
        standing.tell_keyset(desk)
        envelope = desk.envelope
    assert code_of(lambda: hand_over(gongshu, paired.longyou, now=after)) == "sig-unknown-key"
    with paired.longyou.desk(now=after) as desk:
        assert standing.renew(desk, "gongshu", envelope).version == 2
        assert standing.renew(desk, "gongshu", envelope).version == 2
    assert len(hand_over(gongshu, paired.longyou, now=after)) == 1
    first = (paired.gongshu.home / "keyring" / "keysets" / "000001.json").read_bytes()
    with paired.longyou.desk(now=after) as desk:
        assert code_of(lambda: standing.renew(desk, "gongshu", first)) == "keyset-older-version"
        other = stranger(after).envelope
        assert code_of(lambda: standing.renew(desk, "gongshu", other)) == "keyset-not-by-root"


def test_the_command_line_pairs_two_homes(two: Two, tmp_path: Path):
    """As two people do it, with files for what a terminal would ask."""
    variables = passphrase_files(tmp_path / "passphrases")
    gongshu, longyou, as_json = two.gongshu.home, two.longyou.home, ("--format", "json")
    offer, acceptance, both = (tmp_path / name for name in ("offer", "acceptance", "both"))
    empty = shanhai(gongshu, "pair", "show")
    assert (empty.returncode, "No pairing yet" in empty.stderr) == (0, True)
    call = ("pair", "offer", "--name", "longyou", "--relay", two.relay, "--to", str(offer), "--skew", "2m")
    made = told(shanhai(gongshu, *call, "--by", "Li Wei", *as_json, **variables))
    assert (made["state"], made["number"], made["rules"]["skew"]) == ("offered", None, 120)
    call = ("pair", "accept", str(offer), "--name", "gongshu", "--relay", two.relay, "--to", str(acceptance))
    taken = told(shanhai(longyou, *call, "--by", "Chen Mei", *as_json, **variables))
    call = ("pair", "confirm", "longyou", str(acceptance), "--by", "Li Wei")
    wrong = shanhai(gongshu, *call, "--number", "0" * 60, **variables)
    assert (wrong.returncode, "pair-fingerprint-mismatch" in wrong.stderr) == (77, True)
    command = [sys.executable, "-m", "shanhai.cli", "--home", str(gongshu), *call, "--to", str(both)]
    code, screen = typed(command, [taken["number"]], **variables)
    assert (code, "Number that the person at longyou reads to you" in screen) == (0, True), screen
    done = told(shanhai(gongshu, "pair", "show", "longyou", *as_json))
    assert (done["state"], done["number"]) == ("confirmed_here", taken["number"])
    assert [one["kind"] for one in done["steps"]] == ["offer", "accept", "confirm"]
    call = ("pair", "confirm", "gongshu", str(both), "--demonstration-without-people")
    told(shanhai(longyou, *call, *as_json, **variables))
    shown = shanhai(longyou, "pair", "show", "gongshu")
    assert shown.returncode == 0
    assert pairing.DEMONSTRATION in shown.stdout
    assert made["pairing"] in shown.stdout
    for one in (two.gongshu, two.longyou):
        assert {path.stat().st_mode & 0o077 for path in one.home.rglob("*.db*")} == {0}


def test_the_log_of_a_pairing_verifies(paired: Two):
    """And the partner got the checkpoint that stood before its first message."""
    with paired.gongshu.desk() as desk:
        keyring, origin = keyring_of(desk.home), origin_of(desk.me, 0)
        publish_log(desk.home, desk.speaker.holdings, now=desk.now)
        expected = Expected(origin, keyring.log_keys(), events=1)
        found = verify_log(EventLog(desk.connection), desk.home / "audit", expected)
        (first,) = hand_over_again(paired)
    assert (found.wrong, found.events, found.tail) == ((), 5, 0)
    assert read_checkpoint((first.log.checkpoint or "").encode(), origin, keyring.log_keys()).size == 4


def hand_over_again(two: Two) -> list[Body]:
    """What Gongshu said, to a Longyou that forgot that it heard it."""
    with two.longyou.desk() as desk:
        desk.connection.execute("UPDATE partner SET next_seq_in = 0, last_in = NULL")
    return hand_over(two.gongshu, two.longyou)


def test_the_events_of_a_pairing_commit_to_what_was_agreed(paired: Two):
    """A document or a keyset of the same id or version, but with other contents, fits none of them."""
    with paired.gongshu.desk() as desk:
        partner = partners.named(desk.connection, "longyou")
        events = [entry.event for entry in EventLog(desk.connection).entries()]
        told = {event.kind: event.about.get("digest") for event in events if event is not None}
        agreement = partners.agreed(partner)
        assert told["offer"] == agreement.offer_sha256
        assert told["accept"] == told["confirm"] == agreement.digest
        assert told["keyset"] == paired.gongshu.keyset.digest
        standing.renew(desk, "longyou", keyring_of(paired.longyou.home).envelope)
        *_, last = EventLog(desk.connection).entries()
    assert last.event is not None
    assert last.event.kind == "partner-keyset"
    assert last.event.about["digest"] == paired.longyou.keyset.digest
