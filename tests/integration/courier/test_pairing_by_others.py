"""What others do to the files that two nodes pair by: the number, or a signature, tells."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from refusals import code_of
from strangers import stranger
from two_nodes import Two, accepted, number_at, offered

from shanhai.clock import system_clock
from shanhai.courier import outbox, pairing, partners, standing, waiting
from shanhai.courier.carried import Carried, read_carried, write_carried
from shanhai.errors import NotFoundError
from shanhai.exchange.keyset_documents import sign_keyset
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.pairings import Offer, Side, agree, kept_offer, sign_offer, sign_pairing
from shanhai.exchange.rules import Rules
from shanhai.keyring.rotation import Policy, first_keyset, new_keys, new_roots


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
