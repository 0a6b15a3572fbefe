"""Every way in which something foreign is refused: one closed table of codes, stages and sentences."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shanhai.errors import DeniedError, RetryableError, ShanhaiError


class Stage(StrEnum):
    """Where in the order of checks something was refused; the order of the members is that order."""

    ENVELOPE = "envelope"
    SIGNATURE = "signature"
    STANDING = "standing"
    ORDER = "order"
    TIME = "time"
    SET = "set"
    OPENING = "opening"
    UNWRAP = "unwrap"
    CONTENTS = "contents"
    ADMIT = "admit"


SETTLING = (Stage.TIME, Stage.OPENING, Stage.UNWRAP, Stage.CONTENTS, Stage.ADMIT)
"""The stages at which a refusal keeps its number: neither the relay nor the recipient can be the cause."""

UNBELIEVED = ("signer-expired", "signer-compromised-since")
"""Codes of messages that came when their keys were over; their sender cannot know it unless it is told."""


def waits_for_a_voucher(code: str | None, stage: str | None) -> bool:
    """Whether what was refused so waits for a message that names it; see `Refused`."""
    return code in UNBELIEVED and stage == Stage.ORDER


@dataclass(frozen=True)
class Failure:
    """One row of the table.

    Attributes:
        stage: where it is found, unless the finder names a later one.
        sentence: what is wrong, without anything of the content.
        freezes: the pairing stops until a person decides, and both versions are kept.
        later: not wrong, but not yet: the same bytes may pass another time.
    """

    stage: Stage
    sentence: str
    freezes: bool = False
    later: bool = False


@dataclass(frozen=True)
class Seen:
    """What a message says of itself, known once its signatures hold: enough to record a refusal.

    Attributes:
        digest: SHA-256 of the payload, hex.
        pairing: id of the pairing that the header names.
        generation: of the sender.
        seq: number of the message in its generation.
    """

    digest: str
    pairing: str
    generation: int
    seq: int


class Refused(DeniedError):  # noqa: N818 -- not a fault: a decision about something foreign
    """Something foreign is not accepted. `code` names why, `stage` where in the order of checks.

    Attributes:
        seen: the message's own numbers, where its signatures were found to hold; None before.
        freezes: whether the pairing must stop until a person decides.
        settles: whether the message keeps its place in the order: it was authentic and the next, and no
            other bytes and no later time would make it pass. The one after it may then be received.
        waits_for_a_voucher: whether its keys were over or compromised when it came: it is kept, and takes its
            place as refused once a message by keys that hold names it as the one before.
    """

    def __init__(
        self,
        code: str,
        *,
        stage: Stage | None = None,
        field: str = "",
        seen: Seen | None = None,
        given: object = None,
    ):
        failure = _looked_up(code, later=False)
        self.code = code
        self.stage = stage or failure.stage
        self.field = field
        self.seen = seen
        self.freezes = failure.freezes
        self.settles = seen is not None and self.stage in SETTLING
        self.waits_for_a_voucher = seen is not None and waits_for_a_voucher(code, self.stage)
        super().__init__(f"refused at {self.stage}: {code}: {_sentence(failure, field)}", given=given)

    def __reduce__(self) -> tuple[object, ...]:
        return (_again, (type(self), self.code, self.stage, self.field, self.seen, self.given, self.hint))


class Gap(RetryableError):  # noqa: N818 -- not a fault: a decision to wait
    """Something foreign cannot be judged yet; the same bytes may pass later. Fields as of `Refused`."""

    def __init__(self, code: str, *, stage: Stage | None = None, field: str = "", seen: Seen | None = None):
        failure = _looked_up(code, later=True)
        self.code = code
        self.stage = stage or failure.stage
        self.field = field
        self.seen = seen
        super().__init__(f"not yet at {self.stage}: {code}: {_sentence(failure, field)}")

    def __reduce__(self) -> tuple[object, ...]:
        return (_again, (type(self), self.code, self.stage, self.field, self.seen, self.given, self.hint))


def _again(
    cls: type[Refused] | type[Gap],
    code: str,
    stage: Stage,
    field: str,
    seen: Seen | None,
    given: str | None,
    hint: str,
) -> ShanhaiError:
    again = cls(code, stage=stage, field=field, seen=seen)
    again.given, again.hint = given, hint
    return again


def _looked_up(code: str, *, later: bool) -> Failure:
    failure = FAILURES[code]
    if failure.later != later:
        raise ValueError(f"{code} is {'a gap' if failure.later else 'a refusal'}")
    return failure


def _sentence(failure: Failure, field: str) -> str:
    return f"{failure.sentence} (field {field})" if field else failure.sentence


def _table() -> dict[str, Failure]:
    envelope, signature, standing = Stage.ENVELOPE, Stage.SIGNATURE, Stage.STANDING
    order, time, sets = Stage.ORDER, Stage.TIME, Stage.SET
    opening, unwrap = Stage.OPENING, Stage.UNWRAP
    return {
        "message-too-big": Failure(envelope, "it is larger than its kind may be"),
        "json-not-strict": Failure(
            envelope, "it is not strict JSON: UTF-8, no control characters, safe integers"
        ),
        "json-duplicate-key": Failure(envelope, "an object has the same key twice"),
        "json-float-number": Failure(envelope, "a number is not an integer"),
        "json-depth": Failure(envelope, "values are nested too deeply"),
        "json-unknown-field": Failure(envelope, "an object has a field that this version does not know"),
        "json-missing-field": Failure(envelope, "an object lacks a field"),
        "json-field-wrong": Failure(envelope, "a field has a value that it cannot have"),
        "version-unknown": Failure(envelope, "it is written in a version that this program does not know"),
        "dsse-payload-type-wrong": Failure(
            envelope, "the envelope says that it carries another kind of document"
        ),
        "sig-forged": Failure(signature, "a signature does not hold"),
        "sig-unknown-key": Failure(signature, "no signature is by a key of the keyset"),
        "sig-same-key-twice": Failure(signature, "one key signed twice"),
        "sig-algorithm-missing": Failure(
            signature, "the keyset requires an algorithm by which nothing is signed"
        ),
        "sig-noncanonical-s": Failure(signature, "an Ed25519 signature is not in its canonical form"),
        "sig-small-order-key": Failure(signature, "a public key has small order or is not canonical"),
        "public-key-wrong": Failure(signature, "a public key has not the form of its algorithm"),
        "key-use-wrong": Failure(signature, "a key of the keyset signed what it is not for"),
        "from-not-signer": Failure(signature, "the header names a sender whose key did not sign"),
        "signer-revoked": Failure(signature, "the signing key was compromised before the message was issued"),
        "signer-compromised-since": Failure(
            time, "the signing key is compromised, and the message came after that was known to begin"
        ),
        "signer-expired": Failure(signature, "the signing key was no longer valid"),
        "key-not-yet-valid": Failure(signature, "the signing key was not valid yet"),
        "keyset-not-by-root": Failure(signature, "the keyset is not signed by every root of its node"),
        "keyset-of-other-node": Failure(signature, "the keyset belongs to another node"),
        "keyset-older-version": Failure(signature, "a newer version of the keyset is known"),
        "keyset-fork": Failure(
            signature, "the same version of the keyset is known with other bytes", freezes=True
        ),
        "keyset-unusable": Failure(signature, "the keyset lacks a key for something that it requires"),
        "hpke-x25519-key-used-in-hybrid": Failure(
            signature, "an X25519 key stands alone and as half of a hybrid key"
        ),
        "pair-fingerprint-mismatch": Failure(standing, "the two numbers of the pairing differ"),
        "pair-countersign-other-document": Failure(
            standing, "what the partner signed is not what was offered to it"
        ),
        "pairing-unknown": Failure(standing, "it belongs to a pairing that is not known here"),
        "pairing-not-confirmed": Failure(standing, "a person has not confirmed the pairing yet"),
        "pairing-suspended": Failure(standing, "the pairing is suspended"),
        "pairing-ended": Failure(standing, "the pairing has ended"),
        "pairing-step-wrong": Failure(standing, "the pairing cannot take this step from where it stands"),
        "recipient-wrong": Failure(standing, "it is addressed to a key that is not of this node"),
        "suite-not-allowed": Failure(standing, "its suite is not accepted by this node and this pairing"),
        "hpke-key-of-other-suite": Failure(
            standing, "its suite does not fit the key that it is addressed to"
        ),
        "generation-old": Failure(order, "it is of an older generation of the sender"),
        "generation-raised-without-root": Failure(
            order, "its generation is not one that the sender's root signed"
        ),
        "generation-not-confirmed": Failure(
            order, "the sender has a new generation that a person must confirm", later=True
        ),
        "fork-same-seq": Failure(order, "the same number is known with other bytes", freezes=True),
        "fork-prev-mismatch": Failure(order, "it does not follow the message before it", freezes=True),
        "replayed": Failure(order, "its number is long past"),
        "reopened-other-bytes": Failure(order, "it is not the message that was accepted"),
        "gap": Failure(order, "a message before it is missing", later=True),
        "ack-below-ours": Failure(order, "it acknowledges less than was acknowledged before", freezes=True),
        "ack-of-other-bytes": Failure(order, "it acknowledges a message that was never sent", freezes=True),
        "issued-in-future": Failure(time, "it was issued later than now", later=True),
        "expired": Failure(time, "it is no longer valid"),
        "set-not-named": Failure(sets, "the message names another set, or none"),
        "set-of-other-node": Failure(sets, "the set is not signed by the node that sent the message"),
        "profile-unknown": Failure(sets, "the set is sealed in a profile that this program does not know"),
        "file-omitted": Failure(sets, "a file of the set is missing"),
        "file-added": Failure(sets, "there is a file that the set does not name"),
        "file-altered": Failure(sets, "a file has another digest than the set says"),
        "size-lies": Failure(sets, "a file has another size than the set says"),
        "size-huge": Failure(sets, "a file is larger than any may be"),
        "changed-between-hash-and-parse": Failure(sets, "a file changed after its digest was taken"),
        "hpke-key-rotated-away": Failure(opening, "the private key that it is sealed to is no longer held"),
        "hpke-not-opened": Failure(
            opening, "it does not open: another key, another header, or changed bytes"
        ),
        "body-digest-wrong": Failure(unwrap, "the body is not the one that the header names"),
        "body-salt-missing": Failure(unwrap, "the body has no salt of 32 bytes"),
        "body-type-unknown": Failure(unwrap, "the body is of a type that this program does not know"),
        "body-padding-wrong": Failure(unwrap, "the sealed part is not padded as it must be"),
        "body-without-set": Failure(unwrap, "the body and the header disagree on whether there is a set"),
        "grant-unknown": Failure(unwrap, "it names a grant that is not known here"),
        "grant-revoked": Failure(unwrap, "the grant is revoked"),
        "grant-expired": Failure(unwrap, "the grant is no longer valid"),
        "grant-not-yet-valid": Failure(unwrap, "the grant is not valid yet"),
        "grant-older-revision": Failure(unwrap, "a newer revision of the grant is known"),
        "grant-of-other-node": Failure(unwrap, "the grant is not for the node that received it"),
        "grant-widened-by-grantee": Failure(unwrap, "a grant may only be changed by the node that gave it"),
        "terms-exceed-grant": Failure(unwrap, "the parcel goes beyond its grant"),
        "receipt-for-other-parcel": Failure(
            unwrap, "the receipt is of a message that was not sent to its sender"
        ),
        "refusal-code-unknown": Failure(
            unwrap, "the receipt refuses for a reason that this program does not know"
        ),
        "facts-digest-wrong": Failure(unwrap, "the facts are not those that the set names"),
        "facts-wrong": Failure(unwrap, "the facts contradict the set"),
        "commitment-wrong": Failure(unwrap, "a key is not the one that the facts commit to"),
        "key-missing": Failure(unwrap, "a key for the footer or a column of the terms is missing"),
        "key-for-ungranted-column": Failure(unwrap, "there is a key for a column that the terms do not name"),
    }


def _files() -> dict[str, Failure]:
    sets, contents = Stage.SET, Stage.CONTENTS
    return {
        "file-truncated": Failure(sets, "a file ends before its structure does"),
        "plaintext-footer": Failure(sets, "the footer of a file is not encrypted"),
        "plaintext-column": Failure(sets, "bytes of a file belong to no encrypted module"),
        "column-under-footer-key": Failure(sets, "a column is encrypted with the key of the footer"),
        "algorithm-not-gcm": Failure(sets, "a file is not encrypted with AES-GCM throughout"),
        "key-not-256-bits": Failure(sets, "a data key of a file is not 256 bits long"),
        "double-wrapped": Failure(sets, "a data key of a file is wrapped twice"),
        "external-key-material": Failure(sets, "the key material of a file lies outside of it"),
        "oversized-footer": Failure(sets, "the footer of a file is larger than allowed"),
        "footer-length-beyond-file": Failure(sets, "the footer of a file is said to be longer than the file"),
        "key-id-wrong": Failure(sets, "a key id of a file has not the form of the profile"),
        "odd-column-names": Failure(sets, "a file has other column names than c0000, c0001 and so on"),
        "too-many-modules": Failure(sets, "a file has more row groups, columns or pages than allowed"),
        "file-malformed": Failure(sets, "the structures of a file are not those of the profile"),
        "module-forged": Failure(sets, "an encrypted module does not authenticate in its place"),
        "dek-wrong": Failure(contents, "a data key of a file does not unwrap"),
        "key-not-held": Failure(contents, "a file asks for a key that is not held"),
        "schema-differs": Failure(contents, "the columns of a file are not those that were declared"),
        "rows-differ": Failure(contents, "the rows of a file are not as many as were declared"),
        "parser-abort": Failure(contents, "reading a file ended its parser"),
        "parser-hang": Failure(contents, "reading a file took longer than allowed"),
        "parser-memory": Failure(contents, "reading a file took more memory or room than allowed"),
        "dictionary-bomb": Failure(contents, "a file decodes to more bytes than were declared"),
        "nesting-bomb": Failure(contents, "the structures of a file are nested too deeply"),
        "path-wrong": Failure(contents, "a path of a folder is not allowed"),
        "path-twice": Failure(
            contents, "two paths of a folder would be one file, or a file is also a folder"
        ),
        "mode-wrong": Failure(contents, "a file of a folder has a mode that is not allowed"),
        "part-missing": Failure(contents, "a file of a folder lacks a part"),
        "part-duplicate": Failure(contents, "a part of a file comes twice"),
        "part-reordered": Failure(contents, "the parts of a folder are not in order"),
        "part-wrong": Failure(contents, "a part of a file has not the size that it must have"),
        "content-digest-wrong": Failure(contents, "a file of a folder is not what its listing says"),
        "too-many-files": Failure(contents, "a folder has more files, folders or bytes than allowed"),
        "contract-not-met": Failure(Stage.ADMIT, "the recipient's own contract does not take its rows"),
    }


FAILURES = _table() | _files()
"""By code. A code is never reused for another meaning; a new one is a change of the specification."""
