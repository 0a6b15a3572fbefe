"""The keysets of partners: by which each is believed, and the newest that its people or a message brought."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from shanhai.courier import partners
from shanhai.courier.partners import Partner
from shanhai.errors import NotFoundError
from shanhai.exchange.algorithms import VerifyKey
from shanhai.exchange.keyset_checks import check_foreign
from shanhai.exchange.keyset_documents import read_keyset
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.strict import write_moment


def roots_of(partner: Partner) -> tuple[VerifyKey, ...]:
    """The root keys of the partner, which are those whose number people compared.

    Raises:
        ConfigurationError: the partner has not accepted yet.
    """
    return next(side.roots for side in partners.agreed(partner).sides if side.node == partner.node)


def their_keyset(partner: Partner) -> Keyset:
    """The newest keyset of the partner that is known here, signed by its roots.

    Raises:
        ConfigurationError: the partner has not accepted yet.
    """
    roots = roots_of(partner)
    return read_keyset(partner.keyset or b"", roots=roots)


def keyset_of_digest(connection: sqlite3.Connection, pairing: str, digest: str) -> Keyset:
    """A keyset of the partner by which a message was once verified.

    Raises:
        NotFoundError: it was never known here.
    """
    row = connection.execute(
        "SELECT envelope FROM partner_keyset WHERE pairing = ? AND digest = ?", (pairing, digest)
    ).fetchone()
    if row is None:
        raise NotFoundError("no such keyset of the partner", given=digest)
    return read_keyset(row[0], roots=roots_of(partners.of_pairing(connection, pairing)))


def take_keyset(
    connection: sqlite3.Connection, pairing: str, envelope: bytes, *, mine: Keyset, now: datetime
) -> Keyset:
    """Make a newer keyset of the partner the one that counts; the one that counts already changes nothing.

    Args:
        mine: the keyset of this node, none of whose keys may be listed.

    Raises:
        Refused: the codes of `read_keyset`, with the roots that people compared, and of `check_foreign`.
    """
    partner = partners.of_pairing(connection, pairing)
    known = their_keyset(partner)
    keyset = read_keyset(envelope, roots=roots_of(partner), known=known)
    if keyset.version > known.version:
        check_foreign(keyset, mine)
        _keep_keyset(connection, pairing, keyset, envelope, now)
    return keyset


def agree(
    connection: sqlite3.Connection,
    pairing: str,
    document: bytes,
    theirs: tuple[Keyset, bytes],
    *,
    now: datetime,
) -> None:
    """Keep the document of a pairing and the keyset of the partner that came with it.

    Args:
        theirs: the keyset and its envelope; what it says of the generation is what people confirm.
    """
    keyset, envelope = theirs
    connection.execute(
        "UPDATE partner SET node = ?, document = ?, generation_in = ? WHERE pairing = ?",
        (keyset.node, document, keyset.generation, pairing),
    )
    _keep_keyset(connection, pairing, keyset, envelope, now)


def _keep_keyset(
    connection: sqlite3.Connection, pairing: str, keyset: Keyset, envelope: bytes, now: datetime
) -> None:
    connection.execute("UPDATE partner SET keyset = ? WHERE pairing = ?", (envelope, pairing))
    connection.execute(
        "INSERT INTO partner_keyset (pairing, version, digest, envelope, since) VALUES (?, ?, ?, ?, ?)",
        (pairing, keyset.version, keyset.digest, envelope, write_moment(now)),
    )
