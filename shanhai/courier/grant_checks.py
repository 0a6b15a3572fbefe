"""What is wrong with a grant that a person states: no partner would take it, or the same is given."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime

from shanhai.courier import granted
from shanhai.courier.granted import GIVEN
from shanhai.errors import ConfigurationError, as_typed
from shanhai.exchange.failures import Refused
from shanhai.exchange.grants import MASKS, ONWARD, SHARE_CLASSES, Grant, write_grant

_WORD = "a small letter, then at most {} small letters, digits, _{}"
_ALLOWED = {
    "purpose": _WORD.format(63, " and -"),
    "dataset": "<district>.<dataset>, each of small letters, digits and _",
    "application": _WORD.format(62, ""),
    "masks": f"for columns that are granted, one of {', '.join(MASKS)}",
    "columns": "names of columns, each once, of a dataset; none of an application, which is had whole",
    "share_class": ", ".join(SHARE_CLASSES),
    "onward": ", ".join(ONWARD),
    "retention_days": "1 to 36500",
    "k": "2 to 1000000",
    "row_filter": "one line of at most 4096 characters",
}


def refusal_of(grant: Grant, error: Refused | ValueError) -> ConfigurationError:
    """The error that names the field, what it says, and what a partner would accept.

    Args:
        error: why the document of the grant was refused.
    """
    field = error.field if isinstance(error, Refused) else ""
    stated = {**write_grant(grant), grant.subject.kind: grant.subject.name}
    allowed = f"later than from, {stated['from']}" if field == "until" else _ALLOWED.get(field)
    told = f"{field}: {stated.get(field)}" if field else "a text with control characters"
    return ConfigurationError(
        "not a grant that a partner would accept",
        given=as_typed(told),
        allowed=allowed,
        hint="the fields of a grant are in shanhai/exchange/SPEC.md, section 8",
    )


def check_not_given(connection: sqlite3.Connection, pairing: str, grant: Grant, now: datetime) -> None:
    """See that no grant in force says the same: with two, each release would have to name one.

    One that begins earlier than the grant in force is not the same.

    Raises:
        ConfigurationError: there is one.
    """
    for kept in granted.every(connection):
        one = kept.grant
        ours = (kept.direction, kept.pairing) == (GIVEN, pairing) and granted.is_in_force(one, now)
        same = replace(one, id=grant.id, rev=grant.rev, valid_from=grant.valid_from) == grant
        if ours and same and one.valid_from <= grant.valid_from:
            raise ConfigurationError(
                "the same is granted already",
                given=grant.subject.name,
                allowed=f"grant {one.id}, revision {one.rev}, is in force",
                hint=f"nothing is to be done; to change it: --revises {one.id[:8]}",
            )
