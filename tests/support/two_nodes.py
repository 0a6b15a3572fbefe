"""Two nodes with keys, made once and copied; paired, and what they say handed over, without any relay."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from locked_node import NODE_PASSPHRASE, ROOT_PASSPHRASE

from shanhai.audit.database import transaction
from shanhai.audit.log import EventLog
from shanhai.clock import system_clock
from shanhai.courier import granted, outbox, pairing, partners, their_keys
from shanhai.courier.database import open_state
from shanhai.courier.desk import Desk
from shanhai.courier.granted import RECEIVED
from shanhai.courier.outbox import Outgoing
from shanhai.courier.own_keys import Passphrases, create_node, keyring_of
from shanhai.courier.partners import Partner
from shanhai.courier.speaking import Speaker
from shanhai.exchange.bodies import Body, End, NewKeyset, Suspension
from shanhai.exchange.grants import Grant
from shanhai.exchange.keyset_documents import sign_keyset
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.pairing_states import PairingState, Step
from shanhai.exchange.pairings import number
from shanhai.exchange.receive import Standing, Verified, receive
from shanhai.exchange.secret import Secret
from shanhai.exchange.suites import OpenKey
from shanhai.exchange.unwrap import Held, unwrap
from shanhai.keyring.holdings import Holdings
from shanhai.keyring.rotation import Policy, new_keys, next_keyset

PASSPHRASES = Passphrases(root=Secret(ROOT_PASSPHRASE.encode()), node=Secret(NODE_PASSPHRASE.encode()))
PEOPLE = {"gongshu": "Li Wei", "longyou": "Chen Mei"}
"""The nodes, and who sits at their keys."""


@dataclass(frozen=True)
class NodeHome:
    """One node: its home, and its keys as they are once the passphrase was typed."""

    home: Path
    name: str
    holdings: Holdings = field(repr=False)

    @property
    def keyset(self) -> Keyset:
        return keyring_of(self.home).keyset()

    @contextlib.contextmanager
    def desk(self, who: str = "", *, now: datetime | None = None) -> Iterator[Desk]:
        """The open node, without the second that a passphrase takes; files of its log stay as they are."""
        keyring = keyring_of(self.home)
        moment = (now or system_clock()).replace(microsecond=0)
        speaker = Speaker(keyring.keyset(), keyring.envelope, self.holdings, moment)
        with contextlib.closing(open_state(self.home)) as connection:
            yield Desk(self.home, connection, speaker, who or PEOPLE[self.name])

    def partner(self, name: str) -> Partner:
        """The pairing with a partner as it is kept now."""
        with self.desk() as desk:
            return partners.named(desk.connection, name)

    def events(self) -> list[tuple[str, str]]:
        """Kind of each event but those of keys, and who."""
        with self.desk() as desk:
            found = [entry.event for entry in EventLog(desk.connection).entries()]
        return [(one.kind, one.who) for one in found if one is not None and one.kind != "keyset"]


@dataclass(frozen=True)
class Two:
    """Both nodes, and the address of a relay that is a folder beside them."""

    gongshu: NodeHome
    longyou: NodeHome
    relay: str


def make_nodes(base: Path) -> None:
    """Make both homes with their keys: eight seconds, nearly all of them for locking."""
    for name, who in PEOPLE.items():
        create_node(base / name, name, PASSPHRASES, Policy(), who=who, now=system_clock())


def unlock_nodes(base: Path) -> Two:
    """Both nodes in the folder where they were made."""
    held = {name: keyring_of(base / name).unlock(PASSPHRASES.node) for name in PEOPLE}
    gongshu, longyou = (NodeHome(base / name, name, held[name]) for name in PEOPLE)
    return Two(gongshu, longyou, (base / "relay").as_uri())


def copied(two: Two, folder: Path) -> Two:
    """Copies to be altered."""
    gongshu, longyou = (
        replace(one, home=Path(shutil.copytree(one.home, folder / one.name)))
        for one in (two.gongshu, two.longyou)
    )
    relay = folder / "relay"
    relay.mkdir()
    return Two(gongshu, longyou, relay.as_uri())


def offered(two: Two) -> bytes:
    """The file of an offer of Gongshu to Longyou."""
    with two.gongshu.desk() as desk:
        return pairing.carried_file(desk.home, pairing.offer(desk, "longyou", relay=two.relay))


def accepted(two: Two, offer: bytes) -> bytes:
    """The file of Longyou's acceptance."""
    with two.longyou.desk() as desk:
        partner = pairing.accept(desk, offer, "gongshu", relay=two.relay)
        return pairing.carried_file(desk.home, partner)


def number_at(node: NodeHome, partner: str) -> str:
    """What a person at the node reads to the other."""
    return number(partners.agreed(node.partner(partner)))


def confirmed(two: Two) -> None:
    """Pair up to where both have confirmed and neither knows it of the other."""
    acceptance = accepted(two, offered(two))
    with two.gongshu.desk() as desk:
        pairing.take(desk, "longyou", acceptance)
        pairing.confirm(desk, "longyou", number_at(two.longyou, "gongshu"))
    with two.longyou.desk() as desk:
        pairing.confirm(desk, "gongshu", number_at(two.gongshu, "longyou"))


def states(two: Two) -> tuple[str, str]:
    """How the pairing stands at each."""
    return two.gongshu.partner("longyou").state.value, two.longyou.partner("gongshu").state.value


def pair(two: Two) -> None:
    """Pair, so that both are active."""
    confirmed(two)
    hand_over(two.gongshu, two.longyou)
    hand_over(two.longyou, two.gongshu)


def rotated(
    node: NodeHome, *, now: datetime, compromised: Mapping[str, datetime] = MappingProxyType({})
) -> NodeHome:
    """The same with new keys beside the old ones, as `shanhai keys rotate` makes them, but locked nowhere."""
    keyring = keyring_of(node.home)
    before, fresh = keyring.keyset(), new_keys(Policy())
    keyset = next_keyset(before, fresh, Policy(), now, compromised=compromised)
    keyring.publish(sign_keyset(keyset, keyring.unlock_roots(PASSPHRASES.root).keys))
    keys = (*node.holdings.keys, *(key for of_use in fresh.values() for key in of_use))
    return replace(node, holdings=replace(node.holdings, keys=keys))


def hand_over(sender: NodeHome, recipient: NodeHome, *, now: datetime | None = None) -> list[Body]:
    """Give a node what another says and it has not had, in order; it verifies, opens and settles each.

    Only messages without a set. Raises what verifying raises.
    """
    with sender.desk(now=now) as there, recipient.desk(now=now) as here:
        known = partners.named(there.connection, recipient.name)
        bodies = []
        for outgoing in outbox.of_pairing(there.connection, known.pairing):
            ours = partners.of_pairing(here.connection, known.pairing)
            if (outgoing.generation, outgoing.seq) >= (ours.generation_in, ours.next_seq_in):
                bodies.append(_settled(here, ours, outgoing))
        return bodies


def verified_by(here: Desk, ours: Partner, outgoing: Outgoing) -> Verified:
    """A message of the partner as whoever knows it judges it."""
    standing = Standing(
        partners.agreed(ours),
        ours.state,
        here.speaker.keyset,
        their_keys.their_keyset(ours),
        ours.position({}),
    )
    return receive(outgoing.envelope, standing=standing, now=here.now)


def held_by(here: Desk, ours: Partner) -> Held:
    """What a node opens messages of a partner with, and holds their bodies against."""
    return Held(
        here.me,
        {key.kid: key for key in here.speaker.holdings.keys if isinstance(key, OpenKey)},
        granted.HeldGrants(here.connection, here.me),
        outbox.sent_to(here.connection, ours.pairing),
    )


def _settled(here: Desk, ours: Partner, outgoing: Outgoing) -> Body:
    verified = verified_by(here, ours, outgoing)
    body = unwrap(verified, held=held_by(here, ours), statement=None, at=here.now).body
    seen = verified.seen
    with transaction(here.connection):
        if ours.state is PairingState.CONFIRMED_HERE:
            partners.step(here.connection, ours.pairing, Step.CONFIRM_THERE)
        _applied(here, ours.pairing, body, seen.digest)
        partners.settled(
            here.connection, ours.pairing, generation=seen.generation, seq=seen.seq, digest=seen.digest
        )
        if body.ack is not None:
            partners.acked(here.connection, ours.pairing, body.ack)
        partners.heard(here.connection, ours.pairing, here.now)
    return body


def _applied(here: Desk, pairing_id: str, body: Body, digest: str) -> None:
    connection = here.connection
    match body.content:
        case NewKeyset(envelope):
            mine = here.speaker.keyset
            their_keys.take_keyset(connection, pairing_id, envelope, mine=mine, now=here.now)
        case Suspension(suspended, _):
            step = Step.SUSPEND_THERE if suspended else Step.RESUME_THERE
            partners.step(connection, pairing_id, step)
        case End():
            partners.step(connection, pairing_id, Step.END)
        case Grant() as grant:
            granted.keep(connection, RECEIVED, pairing_id, grant, at=here.now, message=digest)
