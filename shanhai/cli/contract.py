"""`shanhai contract`: what the federation declares, and whether it is right."""

from __future__ import annotations

from pathlib import Path

import click

from shanhai.cli.contract_compare import compare
from shanhai.cli.contract_infer import infer
from shanhai.cli.contract_propose import propose
from shanhai.cli.output import Heading, say, show
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError, ContractError

_LISTED = (
    Heading("dataset", "dataset"),
    Heading("title", "title", wraps=True),
    Heading("version", "version"),
    Heading("share_class", "shared"),
    Heading("source", "source"),
    Heading("feeds", "feeds"),
)
_CHECKED = (
    Heading("file", "file"),
    Heading("line", "line"),
    Heading("message", "what is wrong", wraps=True),
    Heading("given", "given"),
    Heading("allowed", "allowed", wraps=True),
)


@click.group()
def command() -> None:
    """List, check, draft and compare contracts."""


for _verb in (infer, compare, propose):
    command.add_command(_verb)


@command.command("list")
@format_option
@pass_session
def list_contracts(session: Session) -> None:
    """List every dataset that this federation declares.

    \b
    Example:
      shanhai contract list --format json
    """
    rows = [
        {
            "dataset": str(dataset),
            "title": contract.title,
            "version": contract.version,
            "level": contract.level,
            "share_class": contract.share_class,
            "connector": contract.source.connector,
            "format": contract.format.kind,
            "columns": len(contract.columns),
            "feeds": ", ".join(dict.fromkeys(feed.shape for feed in contract.feeds)) or None,
        }
        for dataset, contract in session.federation.contracts.items()
    ]
    for row in rows if session.form == "table" else ():
        row["source"] = f"{row['connector']} {row['format']}"
    show(
        rows, _LISTED, form=session.form, empty="No contract yet: add districts/<district>/<dataset>.odcs.yml"
    )


@command.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[PATH]…")
@format_option
@pass_session
def check(session: Session, paths: tuple[Path, ...]) -> None:
    """Check contracts against ODCS v3.1.0 and for contradictions.

    PATH is a contract file or a folder of them; without one, every contract of the federation is checked.
    All wrong contracts are listed, each with its first fault: file, line, what is given and what is allowed.
    Ends with code 78 when any is wrong.

    \b
    Examples:
      shanhai contract check
      shanhai contract check districts/longyou/water_meters.odcs.yml
    """
    files = _files(session, paths)
    # One file may be in the way of others: it is listed once.
    faults = list({str(fault): fault for file in files if (fault := _fault(session, file))}.values())
    rows = [fault.as_dict() for fault in faults]
    if rows or session.form == "json":
        show(rows, _CHECKED, form=session.form, empty="")
    if faults:
        raise ContractError(
            f"{len(faults)} of {len(files)} contracts are wrong",
            given=sorted({fault.file for fault in faults}),
            allowed="contracts without a fault",
            hint="each line says where",
        )
    say(f"Contracts checked: {len(files)}, all right." if files else "No contract yet, nothing to check.")


def _files(session: Session, paths: tuple[Path, ...]) -> list[Path]:
    from shanhai.contracts.load import SUFFIX

    if not paths:
        return session.federation.contract_files()
    named = [file for path in paths for file in (path.rglob(f"*{SUFFIX}") if path.is_dir() else [path])]
    return sorted({file.resolve(): file for file in named}.values())


def _fault(session: Session, file: Path) -> ContractError | None:
    """The first fault of one file. A file of this federation is also checked against its district."""
    from shanhai.connect.registry import check_options
    from shanhai.contracts.load import dataset_of, load_contract
    from shanhai.quality.compiles import check_compiles

    try:
        own = _own(session).get(file.resolve())
        if own is not None:
            contract = session.federation.contract(dataset_of(own, session.federation.shown(own)))
        else:
            contract = load_contract(file)
        check_compiles(contract)
        check_options(contract.source.connector, contract.source.options)
    except ContractError as error:
        return error
    except ConfigurationError as error:
        return ContractError(
            error.message, file=str(file), given=error.given, allowed=error.allowed, hint=error.hint
        )
    return None


def _own(session: Session) -> dict[Path, Path]:
    """What lies where contracts of this federation do, by its real path: one may be typed in many ways."""
    root = session.settings.federation.resolve()
    return {file.resolve(): file for file in root.glob("districts/*/*") if file.is_file()}
