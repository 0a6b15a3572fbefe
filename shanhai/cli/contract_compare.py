"""`shanhai contract compare`: what a new version changes, and how far its number must rise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shanhai.cli.output import Heading, say, show
from shanhai.cli.selection import DATASET
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError, NotFoundError

if TYPE_CHECKING:
    from shanhai.contracts.compatibility import Change
    from shanhai.contracts.model import Contract

_HEADINGS = (
    Heading("level", "level"),
    Heading("where", "what"),
    Heading("before", "before", wraps=True),
    Heading("after", "after", wraps=True),
    Heading("why", "means", wraps=True),
)


@click.command("compare")
@click.argument("what", nargs=-1, metavar="DATASET | OLD NEW")
@format_option
@pass_session
def compare(session: Session, what: tuple[str, ...]) -> None:
    """Compare a contract with the one before it.

    DATASET compares the contract as it is with the one of the last load; OLD and NEW are two files. Each
    change is a patch, minor or major, and the version has to rise accordingly. Ends with code 78 if it does
    not rise enough: nothing is staged under such a contract.

    \b
    Examples:
      shanhai contract compare longyou.events
      shanhai contract compare old/events.odcs.yml districts/longyou/events.odcs.yml
    """
    from shanhai.contracts.compatibility import check_risen, required_version
    from shanhai.contracts.compatibility import compare as compared

    old, new = _two(session, what)
    changes = compared(old, new)
    show(changed(changes), _HEADINGS, form=session.form, empty="Both mean the same.")
    if changes:
        say(f"{old.version} → {new.version}; at least {required_version(old.version, changes)} is needed.")
    check_risen(old, new)


def changed(changes: Sequence[Change]) -> list[dict[str, str]]:
    """Changes as rows."""
    return [
        {
            "level": change.level,
            "where": change.where,
            "before": change.before,
            "after": change.after,
            "why": change.why,
        }
        for change in changes
    ]


def _two(session: Session, what: tuple[str, ...]) -> tuple[Contract, Contract]:
    from shanhai.contracts.load import load_contract
    from shanhai.ids import DatasetId
    from shanhai.ingest.versions import last_contract

    if len(what) == 1:
        dataset = DATASET.convert(what[0], None, click.get_current_context())
        contract = session.federation.contract(dataset)
        last = last_contract(session.node, dataset)
        if last is None:
            raise NotFoundError("nothing was loaded under a contract yet", given=dataset, allowed="two files")
        return last, contract
    if len(what) != 2:
        raise ConfigurationError(
            "compare what?", given=f"{len(what)} names", allowed="a dataset, or two files"
        )
    files = [Path(name) for name in what]
    for file in files:
        if not file.is_file():
            raise NotFoundError("no such file", given=file, allowed="the file of a contract")
    named = next((file for file in files if file.name.endswith(".odcs.yml")), files[1])
    dataset = DatasetId(_identifier(named.resolve().parent.name), _table(named))
    old, new = (load_contract(file, dataset=dataset) for file in files)
    return old, new


def _identifier(folder: str) -> str:
    """The district that a folder says, or one that no contract depends on."""
    return folder if folder.isidentifier() and folder.islower() else "district"


def _table(file: Path) -> str:
    """The name that a contract gives its table."""
    from shanhai.contracts.yamlfile import read_yaml

    schema = read_yaml(file).data.get("schema")
    name = (
        schema[0].get("name") if isinstance(schema, list) and schema and isinstance(schema[0], dict) else None
    )
    return str(name or file.name.partition(".")[0])
