"""`shanhai doctor`: is everything here that the walk needs?"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable

import click

from shanhai.cli.output import Heading, show
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError, ShanhaiError

_HEADINGS = (Heading("check", "check"), Heading("state", "state"), Heading("detail", "detail", wraps=True))


@click.command()
@format_option
@pass_session
def command(session: Session) -> None:
    """Look whether all is here that the walk needs.

    Folders, room on the disk, the store of snapshots, contracts, connectors, the dbt project. Leaves
    nothing behind and asks no source.
    Ends with code 78 when something is missing.

    \b
    Example:
      shanhai --home /srv/shanhai doctor
    """
    checks: dict[str, Callable[[Session], str]] = {
        "home is writable": _home,
        "room on the disk": _room,
        "snapshots are kept": _snapshots,
        "contracts are right": _contracts,
        "connectors are installed": _connectors,
        "dbt project": _dbt,
    }
    rows = [_examined(name, check, session) for name, check in checks.items()]
    show(rows, _HEADINGS, form=session.form, empty="")
    failed = [row for row in rows if row["state"] != "ok"]
    if failed:
        raise ConfigurationError(f"{len(failed)} of {len(rows)} checks failed", hint="each line says what")


def _examined(name: str, check: Callable[[Session], str], session: Session) -> dict[str, str]:
    try:
        return {"check": name, "state": "ok", "detail": check(session)}
    except ShanhaiError as error:
        return {"check": name, "state": "failed", "detail": str(error)}


def _home(session: Session) -> str:
    home = session.settings.home
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=home):
            return str(home)
    except OSError as error:
        raise ConfigurationError(
            "the home folder cannot be written", given=home, hint="set SHANHAI_HOME or --home"
        ) from error


def _room(session: Session) -> str:
    free, needed = shutil.disk_usage(session.settings.home).free, session.settings.free_disk_bytes
    if free < needed:
        raise ConfigurationError("the disk is full", given=f"{free:,} bytes", allowed=f">= {needed:,} bytes")
    return f"{free / 2**30:,.1f} GiB free"


def _snapshots(session: Session) -> str:
    from shanhai.ingest.stores import snapshot_store

    if not session.settings.snapshots:
        return str(session.settings.home / "snapshots")
    from shanhai.storage.s3 import S3Store

    store = snapshot_store(session.settings)
    if not isinstance(store, S3Store):
        raise AssertionError(store)
    where, abandoned = store.examine(), len(list(store.abandoned_uploads()))
    return where + (f", {abandoned} abandoned uploads: the next pull removes them" if abandoned else "")


def _contracts(session: Session) -> str:
    return f"{len(session.federation.contracts)} in {session.federation.root}"


def _connectors(session: Session) -> str:
    from shanhai.connect.registry import connector

    names = {contract.source.connector for contract in session.federation.contracts.values()}
    for name in sorted(names):
        connector(name)
    return ", ".join(sorted(names)) or "none needed"


def _dbt(session: Session) -> str:
    project = session.settings.dbt_project / "dbt_project.yml"
    if not project.is_file():
        raise ConfigurationError(
            "there is no dbt project", given=project.parent, hint="set SHANHAI_DBT_PROJECT"
        )
    return str(project.parent)
