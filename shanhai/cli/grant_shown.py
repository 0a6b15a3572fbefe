"""Grants as they are shown: one that was just given or changed, and the list."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shanhai.cli.output import Heading, fields, say, show_json
from shanhai.cli.pair_shown import rows_of, say_what_went

if TYPE_CHECKING:
    from shanhai.cli.session import Session
    from shanhai.courier.granted import KeptGrant
    from shanhai.courier.granting import Changed
    from shanhai.exchange.grants import Grant

LIST = (
    Heading("grant", "grant"),
    Heading("rev", "rev", number=True),
    Heading("direction", "direction"),
    Heading("partner", "partner"),
    Heading("about", "about", wraps=True),
    Heading("columns", "columns", wraps=True),
    Heading("purpose", "purpose"),
    Heading("until", "until"),
    Heading("state", "state"),
)
_NOT_TOLD = ("v", "masks")


def tell(session: Session, changed: Changed, partner: str) -> None:
    """Print a revision of a grant on standard output, and what it took back."""
    from shanhai.exchange.grants import write_grant

    grant = changed.grant
    facts = {"partner": partner, **write_grant(grant)}
    if session.form == "json":
        gone = rows_of(changed.taken_back)
        show_json({**facts, "taken_back": gone, "untold": changed.untold, "already": changed.already})
        return
    facts["subject"] = f"{grant.subject.kind} {grant.subject.name}"
    fields({name.replace("_", " "): value for name, value in facts.items() if name not in _NOT_TOLD})
    for column, action in grant.masks.items():
        fields({f"mask of {column}": action})
    if changed.already:
        say("It is revoked already: nothing changed.")
        return
    if not changed.untold:
        say("The partner learns of it with the next shanhai ship.")
    if grant.k is not None and not grant.revoked:
        say("By the clock nothing leaves under it: shanhai release … --people COLUMN says who is meant.")
    say_what_went(changed.taken_back, untold=changed.untold)


def row_of(kept: KeptGrant, partner: str, now: datetime) -> dict[str, Any]:
    """One line of the list."""
    grant = kept.grant
    return {
        "grant": grant.id,
        "rev": grant.rev,
        "direction": kept.direction,
        "partner": partner,
        "about": grant.subject.name,
        "columns": None if grant.columns is None else list(grant.columns),
        "purpose": grant.purpose,
        "until": grant.until,
        "state": _state(grant, now) if kept.standing or grant.revoked else "pairing ended",
        "from": grant.valid_from,
        "row_filter": grant.row_filter,
        "masks": dict(grant.masks),
        "share_class": grant.share_class,
        "onward": grant.onward,
        "retention_days": grant.retention_days,
        "k": grant.k,
        "at": kept.at,
        "message": kept.message,
    }


def _state(grant: Grant, now: datetime) -> str:
    if grant.revoked:
        return "revoked"
    if now < grant.valid_from:
        return "not yet"
    if now >= grant.until:
        return "over"
    return "ends soon" if grant.until - now < timedelta(days=30) else "in force"
