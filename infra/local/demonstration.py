"""Three nodes that exchange: Gongshu, whose home walks, and two homes below it; paired without people."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from infra.local.configuration import write_private
from infra.local.layout import REPOSITORY, Layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shanhai.courier.desk import Desk
    from shanhai.courier.granting import Draft
    from shanhai.exchange.secret import Secret
    from shanhai.settings import Settings

OWN = "gongshu"
PARTNERS = ("longyou", "zhaohua")
APPLICATION = "notice_board"
_EXAMPLES = REPOSITORY / "examples" / "exchange"
_VALID = timedelta(days=365)


@dataclass(frozen=True)
class _Wish:
    """What Gongshu grants to one partner, but for its dates."""

    partner: str
    subject: str
    columns: tuple[str, ...] | None
    purpose: str
    share_class: str = "conditional"
    rows: str | None = None
    masks: tuple[tuple[str, str], ...] = ()


_WISHES = (
    _Wish(
        "longyou",
        "gongshu.events",
        ("event_id", "area_code", "grid_code", "category", "status", "reported_at"),
        "comparison",
        rows="status = 'closed'",
        masks=(("grid_code", "mask-alphanum"), ("reported_at", "truncate-to-month")),
    ),
    _Wish("longyou", APPLICATION, None, "trial", share_class="unconditional"),
    _Wish(
        "zhaohua",
        "marts.mart_event_clock",
        ("clock", "step", "district", "dataset", "period", "period_start", "n", "met"),
        "comparison",
    ),
    # Policy refuses it: the mart rests on water meters of Longyou, which are not shared.
    _Wish("zhaohua", "marts.mart_meter_alert", ("district", "dataset"), "leak-search"),
)


def nodes(layout: Layout) -> dict[str, Settings]:
    """The settings of the three nodes."""
    from shanhai.settings import read_settings

    def settings(home: Path, federation: Path, name: str) -> Settings:
        return read_settings(home=home, federation=federation, passphrase_file=_passphrase(layout, name))

    own = {OWN: settings(layout.home, layout.federation, OWN)}
    return own | {name: settings(_home(layout, name), _EXAMPLES / name, name) for name in PARTNERS}


def prepare_exchange(layout: Layout) -> None:
    """Make what is not there yet: keys, the relay, `nodes.yml`, pairings, grants, and an application to give.

    Passphrases are random, and lie in files that the owner alone reads. Nobody compares a number: the audit
    logs say so.

    Raises:
        ShanhaiError: something of it could not be made; the next run goes on from there.
    """
    known = nodes(layout)
    (layout.home / "relay").mkdir(mode=0o700, exist_ok=True)
    for name, settings in known.items():
        _make_keys(layout, name, settings.home)
    for name in PARTNERS:
        text = yaml.safe_dump({f"{OWN}.exchange": "home://exchange/opened"})
        write_private(_home(layout, name) / "endpoints.yml", text)
    offered = layout.home / "applications" / "offered" / APPLICATION
    shutil.copytree(_EXAMPLES / APPLICATION, offered, dirs_exist_ok=True)
    if not _is_settled(known):
        _settle(layout, known)
    entries = {
        name: {
            "home": settings.home.as_posix(),
            "federation": settings.federation.as_posix(),
            "passphrase_file": _passphrase(layout, name).as_posix(),
        }
        for name, settings in known.items()
    }
    write_private(layout.home / "nodes.yml", yaml.safe_dump(entries, sort_keys=False))


def _home(layout: Layout, name: str) -> Path:
    return layout.home / "nodes" / name


def _passphrase(layout: Layout, name: str) -> Path:
    return layout.home / "secrets" / f"{name}_passphrase"


def _secret(file: Path) -> Secret:
    """A passphrase of the demonstration, made at the first call."""
    from shanhai.keyring.passphrases import passphrase_in

    if not file.is_file():
        write_private(file, secrets.token_urlsafe(24) + "\n")
    return passphrase_in(file)


def _make_keys(layout: Layout, name: str, home: Path) -> None:
    from shanhai.clock import system_clock
    from shanhai.courier.own_keys import Passphrases, create_node, keyring_of
    from shanhai.courier.pairing import DEMONSTRATION
    from shanhai.keyring.rotation import Policy

    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    node = _passphrase(layout, name)
    both = Passphrases(root=_secret(node.with_name(f"{name}_root_passphrase")), node=_secret(node))
    if not keyring_of(home).exists:
        create_node(home, name, both, Policy(), who=DEMONSTRATION, now=system_clock())


def _is_settled(known: dict[str, Settings]) -> bool:
    """Whether all is paired and granted, which can be told without any key."""
    from shanhai.clock import system_clock
    from shanhai.courier import granted, partners
    from shanhai.courier.database import open_state
    from shanhai.courier.granted import is_in_force
    from shanhai.exchange.pairing_states import PairingState

    now = system_clock()
    with contextlib.closing(open_state(known[OWN].home)) as connection:
        states = [partners.standing(connection, name) for name in PARTNERS]
        if any(one is None or one.state is not PairingState.ACTIVE for one in states):
            return False
        pairings = {one.name: one.pairing for one in states if one is not None}
        given = [(name, one) for name in PARTNERS for one in granted.given(connection, pairings[name])]
    there = {(name, one.subject.name) for name, one in given if is_in_force(one, now)}
    return {(wish.partner, wish.subject) for wish in _WISHES} <= there


def _settle(layout: Layout, known: dict[str, Settings]) -> None:
    with contextlib.ExitStack() as stack:
        desks = {name: stack.enter_context(_desk(layout, name, known[name])) for name in known}
        relay = (layout.home / "relay").as_uri()
        for name in PARTNERS:
            _pair(desks[OWN], desks[name], name, relay)
            for _ in range(2):
                _exchange_messages(known, desks, name)
        for wish in _WISHES:
            _grant(desks[OWN], wish)


@contextlib.contextmanager
def _desk(layout: Layout, name: str, settings: Settings) -> Iterator[Desk]:
    from shanhai.clock import system_clock
    from shanhai.courier.desk import open_desk
    from shanhai.courier.pairing import DEMONSTRATION

    secret = _secret(_passphrase(layout, name))
    with open_desk(settings.home, secret, who=DEMONSTRATION, now=system_clock()) as desk:
        yield desk


def _pair(ours: Desk, theirs: Desk, name: str, relay: str) -> None:
    """Each step that was not taken yet; the files that people would carry never leave this process."""
    from shanhai.courier import pairing, partners
    from shanhai.exchange.pairing_states import PairingState

    unconfirmed = (PairingState.ACCEPTED, PairingState.CONFIRMED_THERE)
    here = partners.standing(ours.connection, name) or pairing.offer(ours, name, relay=relay)
    there = partners.standing(theirs.connection, OWN)
    if there is None:
        there = pairing.accept(theirs, pairing.carried_file(ours.home, here), OWN, relay=relay)
    if here.state is PairingState.OFFERED:
        here = pairing.take(ours, name, pairing.carried_file(theirs.home, there))
    if here.state in unconfirmed:
        pairing.confirm_without_people(ours, name)
    if there.state in unconfirmed:
        pairing.confirm_without_people(theirs, OWN)


def _exchange_messages(known: dict[str, Settings], desks: dict[str, Desk], name: str) -> None:
    from shanhai.courier import partners
    from shanhai.courier.receiving import receive_from
    from shanhai.courier.shipping import ship

    for sender, partner in ((OWN, name), (name, OWN)):
        desk = desks[sender]
        found = partners.named(desk.connection, partner)
        ship(desk.home, known[sender], found, now=desk.now)
    for recipient, partner in ((name, OWN), (OWN, name)):
        received = receive_from(desks[recipient], known[recipient], partner)
        if received.stopped is not None:
            raise received.stopped


def _grant(desk: Desk, wish: _Wish) -> None:
    from shanhai.courier import granted, partners
    from shanhai.courier.granted import is_in_force
    from shanhai.courier.granting import add

    pairing = partners.named(desk.connection, wish.partner).pairing
    draft = _draft(desk, wish)
    if not any(is_in_force(one, desk.now) for one in granted.given(desk.connection, pairing, draft.subject)):
        add(desk, wish.partner, draft)


def _draft(desk: Desk, wish: _Wish) -> Draft:
    from shanhai.courier.granting import Draft
    from shanhai.exchange import subjects

    kind = subjects.APPLICATION if wish.columns is None else subjects.DATASET
    return Draft(
        subject=subjects.Subject(kind, wish.subject),
        columns=wish.columns,
        purpose=wish.purpose,
        share_class=wish.share_class,
        onward="none",
        valid_from=desk.now,
        until=desk.now + _VALID,
        retention_days=90,
        row_filter=wish.rows,
        masks=dict(wish.masks),
    )
