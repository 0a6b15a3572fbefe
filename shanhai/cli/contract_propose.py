"""`shanhai contract propose`: the next version of a contract, drafted from a delivery that differs."""

from __future__ import annotations

import difflib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from shanhai.cli.contract_compare import changed
from shanhai.cli.output import say, show_document, show_json
from shanhai.cli.progress import telling
from shanhai.cli.selection import find_delivery
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError

if TYPE_CHECKING:
    from shanhai.contracts.drafting.amend import Amended
    from shanhai.contracts.model import Contract
    from shanhai.ids import DeliveryId


@click.command("propose")
@click.argument("delivery")
@click.option("--write", is_flag=True, help="Write the changes into the contract's file.")
@format_option
@pass_session
def propose(session: Session, delivery: str, write: bool) -> None:
    """Draft the contract that would take a delivery which differs.

    Reads what the check found different: headings that are new, gone or renamed, other types, formats,
    codes or another dialect. Prints what would change in the contract's file as a unified diff, each change
    with its reason, and the version that it needs. Read it: what changed may be a mistake of the source.

    \b
    Examples:
      shanhai contract propose longyou.events/2024-03-02
      shanhai contract propose longyou.events/2024-03-02 --write
    """
    from shanhai.ingest.propose import propose as drafted
    from shanhai.ingest.sidecar import sidecars
    from shanhai.storage.durable import replace_text

    node = session.node
    known = [found for dataset in node.federation.datasets for found in sidecars(node, dataset)]
    wanted = find_delivery((one.id for one in known), delivery)
    contract = node.federation.contract(wanted.dataset)
    with TemporaryDirectory(prefix="shanhai-propose-") as folder, telling() as tell:
        found = drafted(node, wanted, Path(folder), tell=tell)
    if not found.done:
        raise ConfigurationError(
            "no contract can take what differs",
            given="; ".join(found.left),
            allowed="what a contract can state: columns, formats, codes",
            hint="ask the source",
        )
    old = contract.path.read_text(encoding="utf-8-sig")
    if write:
        replace_text(contract.path, found.text)
    _tell(session, wanted, contract, old, found, write)


def _tell(
    session: Session, delivery: DeliveryId, contract: Contract, old: str, found: Amended, written: bool
) -> None:
    name = f"districts/{contract.path.parent.name}/{contract.path.name}"
    if session.form == "json":
        show_json(
            {
                "delivery": str(delivery),
                "version": found.contract.version,
                "done": list(found.done),
                "left": list(found.left),
                "changes": changed(found.changes),
                "diff": _diff(name, old, found.text),
                "written": written,
            }
        )
    elif not written:
        show_document(_diff(name, old, found.text), instead="--write")
    for told in found.left:
        say(f"Not drafted: {told}.")
    if not written:
        say(f"Version {contract.version} → {found.contract.version}. Nothing was written: --write does.")
        return
    say(f"Wrote {name}, version {found.contract.version}. Read it, then:")
    say("  shanhai generate")
    say(f"  shanhai delivery approve {delivery.short} --by … --reason …")
    say(f"  shanhai replay --dataset {delivery.dataset}     (accepted deliveries, judged again)")


def _diff(name: str, old: str, new: str) -> str:
    """A unified diff of a file within the federation."""
    before, after = (text.splitlines(keepends=True) for text in (old, new))
    return "".join(difflib.unified_diff(before, after, f"a/{name}", f"b/{name}"))
