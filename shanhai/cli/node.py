"""`shanhai node`: who this node is to its partners."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from shanhai.cli.desk import by_option
from shanhai.cli.output import Heading, fields, say, section, show, show_json
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError, as_typed

if TYPE_CHECKING:
    from shanhai.exchange.keysets import Keyset

_ROOTS = (Heading("alg", "algorithm"), Heading("fingerprint", "fingerprint of a root key"))


@click.group()
def command() -> None:
    """Make and show the identity of this node.

    A node is known by its root keys, which sign one thing: the keyset, that is which keys speak for the node
    and until when. Partners compare root keys once, over the telephone, and believe keysets from then on.
    """


@command.command("init")
@click.argument("name")
@by_option
@click.option(
    "--signatures",
    type=click.Choice(["both", "ed25519"]),
    default="both",
    show_default=True,
    help="What must sign: Ed25519 and ML-DSA-65, or Ed25519 alone.",
)
@click.option(
    "--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Validity of the keys."
)
@click.option(
    "--again", is_flag=True, help="Go on after an init that was cut off; key files are moved, never deleted."
)
@format_option
@pass_session
def init_command(session: Session, name: str, by: str, signatures: str, days: int, *, again: bool) -> None:
    """Make the keys of a new node, in a home that has none.

    Asks for two passphrases, twice each. Writes keyring/ into the home: root.age with the root keys, which
    you then move to a place without a network, node.age with the keys that the node works with, and
    keyset.json.
    Without a terminal the passphrases come from the files that SHANHAI_ROOT_PASSPHRASE_FILE and
    SHANHAI_PASSPHRASE_FILE name.

    \b
    Example:
      shanhai node init longyou --by "Li Wei"
    """
    from shanhai.cli.passphrase import both_passphrases
    from shanhai.clock import system_clock
    from shanhai.courier.own_keys import check_no_keys, create_node, keyring_of
    from shanhai.exchange.algorithms import ED25519, SIGNING
    from shanhai.keyring.rotation import Policy

    _check_name(name)
    home = session.settings.home
    check_no_keys(keyring_of(home), again=again)
    policy = Policy(require=SIGNING if signatures == "both" else (ED25519,), valid=timedelta(days=days))
    passphrases = both_passphrases(session.settings, new=True)
    keyset = create_node(home, name, passphrases, policy, who=by, now=system_clock(), again=again)
    _show(session, keyset)
    if session.form == "table":
        say(f"Keys are in {keyring_of(home).folder}.")
        say("Now move root.age and root.age.sha256 to a place without a network, in two copies:")
        say("they are needed only to change keys, and nobody can make them again.")


@command.command("show")
@format_option
@pass_session
def show_command(session: Session) -> None:
    """Show the name, id and fingerprints of this node.

    \b
    Example:
      shanhai node show --format json
    """
    from shanhai.courier.own_keys import keyring_of

    _show(session, keyring_of(session.settings.home).keyset())


def _check_name(name: str) -> None:
    import re

    from shanhai.exchange.keysets import NAME

    if not re.fullmatch(NAME, name):
        raise ConfigurationError(
            "not the name of a node", given=as_typed(name), allowed="small letters, digits and _, at most 63"
        )


def _show(session: Session, keyset: Keyset) -> None:
    from shanhai.exchange.keysets import HPKE, LOG, SIGN

    roots = [{"alg": root.alg, "kid": root.kid, "fingerprint": _grouped(root.kid)} for root in keyset.roots]
    facts: dict[str, Any] = {
        "name": keyset.name,
        "node": keyset.node,
        "keyset": keyset.version,
        "generation": keyset.generation,
        "require": list(keyset.require),
        "suites": list(keyset.suites),
        "keys_until": min(max(one.not_after for one in keyset.of_use(use)) for use in (SIGN, HPKE, LOG)),
    }
    if session.form == "json":
        show_json({**facts, "roots": roots})
        return
    fields({key.replace("_", " "): value for key, value in facts.items()})
    section("Root keys")
    show(roots, _ROOTS, form="table", empty="")


def _grouped(digits: str) -> str:
    """Digits as people read them to each other."""
    return " ".join(digits[start : start + 8] for start in range(0, len(digits), 8))
