"""Every vector of statements, messages, order, keys and opening gives what it says, and none is missing."""

from __future__ import annotations

import json

import pytest
from vectors.__main__ import agrees
from vectors.givens import raw
from vectors.runner import run
from vectors.vector import load, names

GROUPS = ("signature", "addressing", "order", "keys", "statement", "unwrap", "receipts", "checks")
FILES = names(*GROUPS)

NAMES = {
    "signature": """sig-forged sig-unknown-key sig-key-of-other-node sig-ed25519-ok-mldsa-missing
        sig-mldsa-ok-ed25519-bad sig-same-key-twice sig-keyid-hint-lies sig-small-order-key sig-noncanonical-S
        type-receipt-as-grant type-set-as-message dsse-payload-type-changed json-duplicate-key
        json-unknown-field json-float-number json-depth version-unknown profile-unknown suite-not-allowed
        suite-downgrade message-too-big checkpoint-key-used-for-message""",
    "addressing": """recipient-wrong recipient-substituted resigned-by-third-party forwarded-to-third-party
        context-changed body-digest-wrong body-salt-missing hpke-truncated hpke-key-rotated-away
        hpke-x25519-key-used-in-hybrid pairing-unknown pairing-suspended pairing-ended""",
    "order": """replayed out-of-order gap fork-same-seq fork-prev-mismatch rolled-back-after-restore
        generation-old generation-raised-without-root expired issued-in-future clock-skew-edge
        reopen-expired-accepted ack-below-ours cut-off-and-resumed crash-after-sign-before-upload""",
    "keys": """signer-revoked signer-compromised-since-backdated keyset-older-version keyset-not-by-root
        key-not-yet-valid overlap-old-key pair-fingerprint-mismatch pair-countersign-other-document
        grant-revoked grant-older-revision grant-expired grant-widened-by-grantee""",
    "statement": "set-of-other-node size-huge",
    "unwrap": """commitment-wrong one-wrap-two-keys key-for-ungranted-column terms-exceed-grant
        facts-digest-wrong""",
    "receipts": "receipt-for-other-parcel receipt-replayed refusal-code-unknown",
    "checks": """two-faults.2d-3a two-faults.3a-3a.pairing two-faults.3a-3a.sender two-faults.3a-3b
        two-faults.3a-3b.recipient two-faults.3a-3d two-faults.3b-3c.ended
        two-faults.3b-3c.not-confirmed two-faults.3b-3c.suspended two-faults.3b-3d.ended
        two-faults.3b-3d.not-confirmed two-faults.3b-3d.suspended two-faults.3c-3d
        two-faults.3d-3e.by-keyset two-faults.3d-3e.by-rules two-faults.3e-4c two-faults.8c-8d
        two-faults.8d-8e two-faults.8e-8f two-faults.8e-8g two-faults.8e-8g.short two-faults.8f-8g
        two-faults.8f-8g.parcel two-faults.8g-8h two-faults.8g-8h.content two-faults.8h-8i
        two-faults.8i-8j two-faults.8j-8j two-faults.8j-8k.expired two-faults.8j-8k.not-yet-valid
        two-faults.8j-8k.revoked two-faults.8k-8l two-faults.8k-8n two-faults.8l-8m two-faults.8m-8n
        two-faults.8m-8n.newer two-faults.8n-8o two-faults.8n-8p two-faults.8o-8o two-faults.8o-8p
        two-faults.8o-8p.ungranted""",
}
"""The names that the specification promises; variants have theirs behind a full stop."""


@pytest.mark.parametrize("name", FILES)
def test_gives_what_it_says(name: str):
    vector = load(FILES[name])
    assert (vector.name, vector.group) == (name, FILES[name].parent.name)
    outcome = run(vector)
    assert agrees(vector, outcome), outcome


@pytest.mark.parametrize("group", NAMES)
def test_no_name_of_the_specification_lacks_its_vector(group: str):
    assert set(NAMES[group].split()) <= set(names(group))


def test_where_a_root_was_exchanged_nothing_else_was():
    good = load(FILES["pair-fingerprint-good"])
    exchanged = load(FILES["pair-fingerprint-mismatch.root-exchanged"])
    assert exchanged.given["told"] == good.given["told"]
    documents = [json.loads(raw(one.given["pairing"])) for one in (good, exchanged)]
    roots = [[side.pop("roots") for side in document["sides"]] for document in documents]
    assert documents[0] == documents[1]
    assert sum(one != other for one, other in zip(*roots, strict=True)) == 1
    assert "root" in exchanged.about


def test_every_vector_says_what_it_is_about():
    abouts = [load(file).about for file in FILES.values()]
    assert all(len(about) > 5 for about in abouts)
