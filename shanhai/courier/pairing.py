"""How two nodes pair: offer, accept, compare a number, confirm. Each step has its person, and is an event."""

from __future__ import annotations

import dataclasses
import re
import secrets
import unicodedata
from pathlib import Path

from shanhai.audit.database import transaction
from shanhai.courier import partners, saying, their_keys, waiting
from shanhai.courier.carried import Carried, read_carried, write_carried
from shanhai.courier.desk import Desk
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.partners import Partner
from shanhai.courier.relays.opening import check_address
from shanhai.courier.rule_checks import check_rules, check_suites
from shanhai.errors import ConfigurationError, as_typed
from shanhai.exchange.bodies import NewKeyset
from shanhai.exchange.failures import Refused
from shanhai.exchange.keyset_checks import check_foreign
from shanhai.exchange.keyset_documents import read_keyset
from shanhai.exchange.keysets import NAME, Keyset
from shanhai.exchange.pairing_states import SPEAKING, PairingState, Step
from shanhai.exchange.pairings import (
    Offer,
    Side,
    agree,
    check_number,
    countersign,
    kept_offer,
    kept_pairing,
    offered_roots,
    read_offer,
    read_pairing,
    sign_offer,
    sign_pairing,
)
from shanhai.exchange.rules import Rules

DEMONSTRATION = "demonstration without people"
"""Who confirmed where nobody did: it stands in the log for good."""

_DEFAULT = Rules()


def offer(desk: Desk, name: str, *, relay: str, rules: Rules = _DEFAULT) -> Partner:
    """Offer a pairing. The same offer again changes nothing.

    Args:
        name: what this node will call the partner.
        relay: the address at which this node reaches the relay.

    Raises:
        ConfigurationError: a name, address or rule that cannot be, or another pairing has the name.
        LogUnwritableError: the event cannot be written.
    """
    check_rules(rules)
    check_suites(rules, desk.speaker.keyset)
    envelope = sign_offer(Offer(secrets.token_hex(16), _own_side(desk), rules), desk.speaker.signers)
    made = _made(name, PairingState.OFFERED, envelope, relay, secrets.token_hex(16))
    with transaction(desk.connection):
        before = partners.standing(desk.connection, name)
        if before is not None:
            still = before.state is PairingState.OFFERED
            return _again(before, made, same=still and partners.offer_of(before).rules == rules)
        partners.add(desk.connection, made)
        desk.record("offer", pairing=made.pairing, digest=partners.offer_of(made).digest, partner=name)
    return made


def accept(desk: Desk, data: bytes, name: str, *, relay: str) -> Partner:
    """Accept an offer as it is, and sign the pairing first. The same offer again changes nothing.

    Whose roots the offer names is not known before people have compared the number.

    Args:
        data: the file that the partner's people brought.
        name: what this node will call the partner.
        relay: the address at which this node reaches the relay.

    Raises:
        Refused: the codes of `read_keyset`, `check_foreign` and `read_offer`.
        ConfigurationError: a name or an address that cannot be, another pairing has the name, the file is no
            offer or our own, or one of the two nodes accepts no suite of the rules.
        LogUnwritableError: the event cannot be written.
    """
    carried = read_carried(data, "offer")
    theirs = read_keyset(carried.keyset, roots=offered_roots(carried.document))
    offered = read_offer(carried.document, keyset=theirs, now=desk.now)
    if offered.side.node == desk.me:
        raise ConfigurationError("this is an offer of this node itself", given=offered.side.name)
    for keyset in (desk.speaker.keyset, theirs):
        check_suites(offered.rules, keyset)
    document = sign_pairing(agree(offered, _own_side(desk)), desk.speaker.signers)
    made = _made(name, PairingState.ACCEPTED, carried.document, relay, carried.folder)
    with transaction(desk.connection):
        before = partners.find(desk.connection, made.pairing)
        if before is not None:
            stands = before.state is not PairingState.ENDED
            return _again(before, made, same=stands and before.offer == made.offer and before.name == name)
        partners.add(desk.connection, made)
        return _agreed(desk, made, document, (theirs, carried.keyset))


def take(desk: Desk, name: str, data: bytes) -> Partner:
    """Take the file that came back: the acceptance of our offer, or later the document that both signed.

    Raises:
        Refused: the codes of `read_keyset`, `check_foreign` and `read_pairing`.
        ConfigurationError: the file is another one of a pairing.
        NotFoundError: there is no such partner.
        LogUnwritableError: the event cannot be written.
    """
    partner = partners.named(desk.connection, name)
    if partner.document is None:
        return _take_acceptance(desk, partner, data)
    carried = read_carried(data, "acceptance", "pairing")
    if kept_pairing(carried.document).digest != partners.agreed(partner).digest:
        raise Refused("pair-countersign-other-document")
    if carried.kind == "pairing":
        known = their_keys.their_keyset(partner)
        theirs = read_keyset(carried.keyset, roots=their_keys.roots_of(partner), known=known)
        _check_document(desk, partner, carried.document, theirs, signed=(desk.me, theirs.node))
        with transaction(desk.connection):
            partners.sign_too(desk.connection, partner.pairing, carried.document)
    return partners.of_pairing(desk.connection, partner.pairing)


def confirm(desk: Desk, name: str, told: str) -> Partner:
    """Confirm that the number which the partner's person told is the one of the pairing.

    The partner learns of it by a first message, which carries our keyset. Once more, it changes nothing.

    Args:
        told: 60 digits, of whatever width; blanks and dashes do not count.

    Raises:
        Refused: pair-fingerprint-mismatch, pairing-step-wrong.
        ConfigurationError: not 60 digits, the partner has not accepted, or one of the two has no valid key.
        NotFoundError: there is no such partner.
        LogUnwritableError: an event cannot be written.
    """
    return _confirm(desk, name, _sixty_digits(told))


def confirm_without_people(desk: Desk, name: str) -> Partner:
    """Confirm although nobody compared the number, which the log says for good. For demonstrations only.

    Raises:
        As `confirm`, but for the number.
    """
    return _confirm(dataclasses.replace(desk, who=DEMONSTRATION), name, None)


def carried_file(home: Path, partner: Partner) -> bytes:
    """The file that people carry to the partner now: offer, acceptance, or the document that both signed.

    Raises:
        ConfigurationError: there is none while the acceptance of our offer is not confirmed.
    """
    keyring = keyring_of(home)
    folder = partner.folder_out.partition("/")[0]
    if partner.document is None:
        return write_carried(Carried("offer", partner.offer, keyring.envelope, folder))
    if not _is_offered_by(keyring.keyset().node, partner):
        return write_carried(Carried("acceptance", partner.document, keyring.envelope, folder))
    if partner.state in (PairingState.ACCEPTED, PairingState.CONFIRMED_THERE):
        raise ConfigurationError(
            "there is nothing to carry to the partner before you confirm",
            given=partner.name,
            hint=f"shanhai pair confirm {partner.name}",
        )
    return write_carried(Carried("pairing", partner.document, keyring.envelope, folder))


def _confirm(desk: Desk, name: str, told: str | None) -> Partner:
    connection = desk.connection
    with transaction(connection):
        partner = partners.named(connection, name)
        agreement = partners.agreed(partner)
        if told is not None:
            check_number(agreement, told)
        if partner.state in SPEAKING:
            return partner
        partners.step(connection, partner.pairing, Step.CONFIRM_HERE)
        if partner.document is not None and _is_offered_by(desk.me, partner):
            # The other side signed when it accepted.
            signed = countersign(partner.document, desk.speaker.signers)
            partners.sign_too(connection, partner.pairing, signed)
        partners.speak_as(connection, partner.pairing, generation=desk.speaker.keyset.generation)
        waiting.done(connection, "confirm", partner.pairing, who=desk.who, at=desk.now)
        desk.record("confirm", pairing=partner.pairing, digest=agreement.digest, partner=name)
        saying.say(desk, partner.pairing, NewKeyset(desk.envelope))
        return partners.of_pairing(connection, partner.pairing)


def _sixty_digits(told: str) -> str:
    """What was typed, without what people put between digits; whether it is the number is not looked at."""
    plain = "".join(one for one in unicodedata.normalize("NFKC", told) if unicodedata.category(one) != "Pd")
    digits = "".join(plain.split())
    if not re.fullmatch("[0-9]{60}", digits):
        found = sum(one in "0123456789" for one in digits)
        raise ConfigurationError(
            "not the number of a pairing",
            given=f"{found} digits" if found == len(digits) else f"{found} digits, and something else",
            allowed="60 digits; blanks and dashes between them do not count",
        )
    return digits


def _take_acceptance(desk: Desk, partner: Partner, data: bytes) -> Partner:
    carried = read_carried(data, "acceptance")
    claimed = kept_pairing(carried.document)
    if desk.me not in {side.node for side in claimed.sides}:
        raise Refused("pair-countersign-other-document")
    theirs = read_keyset(carried.keyset, roots=claimed.partner_of(desk.me).roots)
    _check_document(desk, partner, carried.document, theirs, signed=(theirs.node,))
    check_suites(claimed.rules, theirs)
    with transaction(desk.connection):
        partners.step(desk.connection, partner.pairing, Step.ACCEPT)
        return _agreed(desk, partner, carried.document, (theirs, carried.keyset))


def _check_document(
    desk: Desk, partner: Partner, document: bytes, theirs: Keyset, *, signed: tuple[str, ...]
) -> None:
    keysets = {desk.me: desk.speaker.keyset, theirs.node: theirs}
    read_pairing(document, offer=partners.offer_of(partner), keysets=keysets, signed=signed, now=desk.now)


def _agreed(desk: Desk, partner: Partner, document: bytes, theirs: tuple[Keyset, bytes]) -> Partner:
    """This node has the document: from now on the number waits for two people."""
    check_foreign(theirs[0], desk.speaker.keyset)
    their_keys.agree(desk.connection, partner.pairing, document, theirs, now=desk.now)
    digest = kept_pairing(document).digest
    desk.record("accept", pairing=partner.pairing, digest=digest, partner=partner.name)
    waiting.waits(desk.connection, "confirm", partner.pairing, desk.now)
    return partners.of_pairing(desk.connection, partner.pairing)


def _made(name: str, state: PairingState, envelope: bytes, relay: str, folder: str) -> Partner:
    if not re.fullmatch(NAME, name, re.ASCII) or "__" in name:
        # Two of them part the names in the id of a DAG.
        raise ConfigurationError(
            "not the name of a partner",
            given=as_typed(name),
            allowed="small letters, digits and single _, at most 63",
        )
    out, back = ("1", "2") if state is PairingState.OFFERED else ("2", "1")
    return Partner(
        pairing=kept_offer(envelope).pairing,
        name=name,
        state=state,
        offer=envelope,
        relay=check_address(relay),
        folder_out=f"{folder}/{out}",
        folder_in=f"{folder}/{back}",
    )


def _again(before: Partner, made: Partner, *, same: bool) -> Partner:
    if not same:
        raise ConfigurationError(
            "a pairing like this is known already, and is not the same",
            given=made.name,
            hint=f"look at it: shanhai pair show {before.name}",
        )
    if before.relay != made.relay:
        raise ConfigurationError(
            "the pairing is known already, with another address of its relay",
            given=made.relay,
            allowed=before.relay,
            hint=f"another one from now on: shanhai pair move {before.name} --relay {made.relay}",
        )
    return before


def _is_offered_by(node: str, partner: Partner) -> bool:
    return partners.offer_of(partner).side.node == node


def _own_side(desk: Desk) -> Side:
    keyset = desk.speaker.keyset
    return Side(keyset.node, keyset.name, keyset.roots)
