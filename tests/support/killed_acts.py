"""Acts at the command line that are killed at a durable step and done again, and what both ends hold then."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from killed_at_step import killed_at, steps_of
from sent_parcels import relay_folder, settings_of
from two_nodes import PASSPHRASES, NodeHome, Two, copied

from shanhai.audit.database import transaction
from shanhai.cli import main
from shanhai.courier import inbox, outbox, partners
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.receiving import receive_from
from shanhai.courier.shipping import ship
from shanhai.exchange.pairing_states import PairingState

PARTNER = {"gongshu": "longyou", "longyou": "gongshu"}
_LISTENING = (PairingState.CONFIRMED_HERE, PairingState.ACTIVE, PairingState.SUSPENDED_THERE)


@dataclass(frozen=True)
class Act:
    """One command line.

    Args:
        at: the node where it is done.
        words: the arguments behind the home; `{folder}` is where files are carried, `{relay}` the relay.
        again: a part of how the same may be refused where it was done before it was killed.
    """

    at: str
    words: tuple[str, ...]
    again: str = ""


@dataclass(frozen=True)
class Case:
    """Copies of both nodes in which an act was killed and done again.

    Attributes:
        step: before which of its durable steps it was killed.
        folder: of files that people carry.
    """

    two: Two
    step: int
    folder: Path


def done(node: NodeHome, *words: str) -> tuple[int, str]:
    """Exit code of a command line in this process, and all that it said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(["--home", str(node.home), *words])
    return code, said.getvalue()


def killed_everywhere(before: Two, act: Act, folder: Path, *, all_steps: bool) -> Iterator[Case]:
    """Kill it before each of its durable steps, in copies of their own, and do it again each time.

    Args:
        all_steps: else only around each commit and move, and once it is done.
    """
    steps = steps_of(_call(act, _case(before, folder / "steps")))
    *others, last = [number for number, name in enumerate(steps) if name in ("commit", "rename")]
    # The last is that of the files of the log.
    near = sorted({*others, *(number + 1 for number in (*others, last)), len(steps)})
    for step in range(len(steps) + 1) if all_steps else near:
        case = _case(before, folder / str(step), step)
        assert killed_at(step, _call(act, case)) is (step < len(steps)), step
        seen = shipped_bytes(case.two)
        code, said = done(_node(case.two, act.at), *_words(act, case))
        assert code == 0 or (act.again and act.again in said), (step, steps[:step][-3:], said)
        yield case
        later = shipped_bytes(case.two)
        assert {path: later.get(path) for path in seen} == seen, (
            step,
            "other bytes in a place that was seen",
        )
        shutil.rmtree(folder / str(step))


def exchanged(two: Two) -> Two:
    """Both ship and receive all that there is, with the keys that they have now."""
    now = unlocked(two)
    for _ in range(2):
        for name, partner in PARTNER.items():
            _shipped(_node(now, name), partner)
        for name, partner in PARTNER.items():
            _received(_node(now, name), partner)
    return now


def unlocked(two: Two) -> Two:
    """The same with the keys that lie in the homes."""
    gongshu, longyou = (
        replace(one, holdings=keyring_of(one.home).unlock(PASSPHRASES.node))
        for one in (two.gongshu, two.longyou)
    )
    return replace(two, gongshu=gongshu, longyou=longyou)


def check_both_agree(two: Two, step: int) -> None:
    """After all was exchanged: logs, numbers, bytes and private folders are as if nothing had been killed."""
    for name, partner in PARTNER.items():
        node, other = _node(two, name), _node(two, partner)
        code, said = done(node, "audit", "verify")
        assert code == 0, (step, name, said)
        with node.desk() as desk, other.desk() as there:
            ours = partners.named(desk.connection, partner)
            theirs = partners.named(there.connection, name)
            sent = outbox.of_pairing(desk.connection, ours.pairing)
            came = inbox.every(there.connection, ours.pairing)
        assert [one.seq for one in sent] == list(range(len(sent))), (step, name)
        assert all(one.uploaded for one in sent), (step, name)
        told = sent[: theirs.next_seq_in]
        assert [one.digest for one in told] == [one.digest for one in came], (step, name)
        assert len(told) == len(sent) or theirs.state not in _LISTENING, (step, name)
        assert leftovers(node) == [], (step, leftovers(node))


def leftovers(node: NodeHome) -> list[str]:
    """What a kill may leave of keys and of opened rows below a home."""
    folders = (node.home / "keyring", node.home / "exchange" / "incoming")
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(node.home).as_posix() for path in found if path.suffix != ".lock")
    return sorted(one for one in names if one.startswith("exchange/") or one.endswith((".new", ".part")))


def shipped_bytes(two: Two) -> dict[Path, bytes]:
    """All that lies at the relay, but what has not its name yet."""
    found = (path for path in relay_folder(two).rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in found if not path.name.startswith(".")}


def moved(before: Two, folder: Path) -> Two:
    """Copies of both nodes and of the relay between them, to be altered."""
    two = copied(before, folder)
    shutil.copytree(relay_folder(before), relay_folder(two), dirs_exist_ok=True)
    for name in PARTNER:
        with _node(two, name).desk() as desk, transaction(desk.connection):
            desk.connection.execute("UPDATE partner SET relay = ?", (two.relay,))
    return two


def _case(before: Two, folder: Path, step: int = -1) -> Case:
    folder.mkdir(parents=True)
    two = moved(before, folder)
    carried = folder / "carried"
    if (relay_folder(before).parent / "carried").is_dir():
        shutil.copytree(relay_folder(before).parent / "carried", carried)
    carried.mkdir(exist_ok=True)
    return Case(two, step, carried)


def _call(act: Act, case: Case) -> Callable[[], None]:
    def call() -> None:
        code, said = done(_node(case.two, act.at), *_words(act, case))
        assert code == 0, said

    return call


def _words(act: Act, case: Case) -> list[str]:
    return [word.format(folder=case.folder, relay=case.two.relay) for word in act.words]


def _node(two: Two, name: str) -> NodeHome:
    return two.gongshu if name == "gongshu" else two.longyou


def _shipped(node: NodeHome, partner: str) -> None:
    with node.desk() as desk:
        ship(node.home, settings_of(node), partners.named(desk.connection, partner), now=desk.now)


def _received(node: NodeHome, partner: str) -> None:
    with node.desk() as desk:
        if partners.named(desk.connection, partner).state in _LISTENING:
            came = receive_from(desk, settings_of(node), partner)
            assert came.stopped is None, came.stopped
