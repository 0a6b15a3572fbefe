"""For whom the node's keys that open are still needed: what is kept of each pairing tells."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from shanhai.courier import inbox, partners, their_keys
from shanhai.courier.partners import Partner
from shanhai.exchange import dsse
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.messages import header_in
from shanhai.exchange.opening_keys import Sealer, first_listed, sealed_by, still_needed
from shanhai.exchange.pairing_states import PairingState


def needed_for(
    connection: sqlite3.Connection, keysets: Sequence[Keyset], now: datetime
) -> dict[str, tuple[str, ...]]:
    """For whom each old key of this node that opens is still needed, as `still_needed` gives it.

    Of an ended pairing nothing is received any more, whatever of it was begun.

    Args:
        keysets: all versions of our keyset, the oldest first.
    """
    standing = (one for one in partners.every(connection) if one.state is not PairingState.ENDED)
    return still_needed(keysets, [_sealer(connection, one, keysets) for one in standing], now)


def unneeded(connection: sqlite3.Connection, keysets: Sequence[Keyset], now: datetime) -> frozenset[str]:
    """The old keys of this node that open and are needed for nobody; arguments as of `needed_for`."""
    return frozenset(kid for kid, names in needed_for(connection, keysets, now).items() if not names)


def _sealer(connection: sqlite3.Connection, partner: Partner, keysets: Sequence[Keyset]) -> Sealer:
    unsettled = inbox.unsettled(connection, partner.pairing)
    return Sealer(
        name=partner.name,
        knows=max(_began_with(partner, keysets), _sealed_by(connection, partner, keysets)),
        suites=partners.offer_of(partner).rules.suites,
        unsettled=frozenset(header_in(row.envelope).recipient for row in unsettled),
        forked=partner.frozen is not None or _numbers_anew(partner),
    )


def _began_with(partner: Partner, keysets: Sequence[Keyset]) -> int:
    """The version that the partner got at least when the pairing began: it lists what signed our file."""
    first, mine = first_listed(keysets), keysets[-1].node
    if partners.offer_of(partner).side.node == mine:
        signed = dsse.read(partner.offer, dsse.OFFER)
    else:
        signed = dsse.read(partner.document or b"", dsse.PAIRING)
    return max(first.get(kid, 0) for kid, _ in signed.signatures)


def _sealed_by(connection: sqlite3.Connection, partner: Partner, keysets: Sequence[Keyset]) -> int:
    """The version that the newest messages of the partner tell which we could open; 0: none tells any."""
    for envelope in inbox.opened_last_first(connection, partner.pairing, partner.generation_in):
        header = header_in(envelope)
        if version := sealed_by(header.recipient, header.issued, keysets):
            return version
    return 0


def _numbers_anew(partner: Partner) -> bool:
    """Whether the partner was restored from a copy, which may know an older keyset of ours."""
    if partner.document is None:
        return False
    return their_keys.their_keyset(partner).generation != partner.generation_in
