"""A pairing as it is shown: where it stands, its rules, number and keys, and who took which step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shanhai.cli.output import Heading, fields, say, section, show, show_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from shanhai.cli.session import Session
    from shanhai.courier.partners import Partner
    from shanhai.courier.releases import Release
    from shanhai.courier.standing import Stood

_STEPS = (Heading("at", "at"), Heading("kind", "step"), Heading("who", "who"))


def tell(session: Session, connection: sqlite3.Connection, partner: Partner, **more: Any) -> None:
    """Print one pairing on standard output; what is `more` in JSON only."""
    from shanhai.courier.standing import steps

    facts = facts_of(partner)
    taken = [{"at": one.at, "kind": one.kind, "who": one.who} for one in steps(connection, partner.pairing)]
    if session.form == "json":
        show_json({**facts, "steps": taken, **more})
        return
    rules = {
        f"rule {name.replace('_', ' ')}": _as_stated(value) for name, value in facts.pop("rules").items()
    }
    shown = {name.replace("_", " "): value for name, value in facts.items() if value is not None}
    fields({**shown, **rules})
    section("Steps")
    show(taken, _STEPS, form="table", empty="")


def _as_stated(rule: object) -> object:
    """A rule as `pair offer` takes it: all but the suites are seconds."""
    from shanhai.exchange.rules import as_duration

    return as_duration(rule) if isinstance(rule, int) else rule


def tell_step(session: Session, connection: sqlite3.Connection, stood: Stood) -> None:
    """Print a pairing after a step of ours, and what the step took back."""
    from shanhai.exchange.pairing_states import PairingState

    gone = rows_of(stood.taken_back)
    tell(session, connection, stood.partner, taken_back=gone, untold=stood.untold, already=stood.already)
    if session.form == "json":
        return
    if stood.already:
        say(f"It is {stood.partner.state.value} already: nothing changed.")
        if stood.partner.state is PairingState.SUSPENDED_THERE:
            say("The partner suspended it: only there it is resumed.")
    else:
        say_what_went(stood.taken_back, untold=stood.untold)


def say_what_went(taken_back: Sequence[Release], *, untold: bool) -> None:
    """Say on standard error what does not leave after all, and where nobody is told."""
    for one in taken_back:
        say(f"Taken back before it left: {one.subject.name} {one.version}. It may be released anew.")
    if untold:
        say("The partner is not told, since keys ran out: call. See docs/guide/pair.md, Keys ran out.")


def rows_of(taken_back: Sequence[Release]) -> list[dict[str, Any]]:
    """What was taken back, as plain JSON."""
    return [one.named for one in taken_back]


def facts_of(partner: Partner) -> dict[str, Any]:
    """What is shown of a pairing; the number is None until the partner has accepted."""
    from shanhai.courier.partners import agreed, offer_of
    from shanhai.courier.their_keys import their_keyset
    from shanhai.exchange.keysets import HPKE, SIGN
    from shanhai.exchange.pairings import number
    from shanhai.exchange.rules import write_rules

    keyset = None if partner.document is None else their_keyset(partner)
    ends = [[one.not_after for one in keyset.of_use(use)] for use in (SIGN, HPKE)] if keyset else []
    return {
        "partner": partner.name,
        "state": partner.state.value,
        "frozen": partner.frozen,
        "heard": partner.heard,
        "number": None if partner.document is None else number(agreed(partner)),
        "pairing": partner.pairing,
        "node": partner.node,
        "calls_itself": keyset.name if keyset else None,
        "keyset": keyset.version if keyset else None,
        "keys_until": min((max(one) for one in ends), default=None),
        "relay": partner.relay,
        "rules": write_rules(offer_of(partner).rules),
    }
