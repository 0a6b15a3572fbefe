"""`shanhai doctor`: is everything here that the walk needs?"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from shanhai.cli.output import Heading, show
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError, ShanhaiError

_HEADINGS = (Heading("check", "check"), Heading("state", "state"), Heading("detail", "detail", wraps=True))


class _NoneYet(str):
    """Says of something that it is not there yet, which is no failure."""


@click.command()
@format_option
@pass_session
def command(session: Session) -> None:
    """Look whether all is here that the walk needs.

    Folders, room on the disk, the store of snapshots, contracts, connectors, the dbt project. Leaves
    nothing behind and asks no source. Where no home is yet, that is said, and none is made.
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
    failed = [row for row in rows if row["state"] == "failed"]
    if failed:
        raise ConfigurationError(f"{len(failed)} of {len(rows)} checks failed", hint="each line says what")


def _examined(name: str, check: Callable[[Session], str], session: Session) -> dict[str, str]:
    try:
        detail = check(session)
    except ShanhaiError as error:
        return {"check": name, "state": "failed", "detail": str(error)}
    return {"check": name, "state": "none yet" if isinstance(detail, _NoneYet) else "ok", "detail": detail}


def _home(session: Session) -> str:
    from shanhai.ingest.node import is_home

    home = session.settings.home
    try:
        with tempfile.TemporaryFile(dir=_nearest(home)):
            pass
    except OSError as error:
        raise ConfigurationError(
            "the home folder cannot be written", given=home, hint="set SHANHAI_HOME or --home"
        ) from error
    if is_home(home):
        return str(home)
    return _NoneYet(
        f"there is no home in {home}: make run, shanhai walk or shanhai node init make one there; "
        "if yours lies elsewhere: --home or SHANHAI_HOME"
    )


def _nearest(folder: Path) -> Path:
    """The folder, or the one above it that is there, in which it would be made."""
    return next(one for one in (folder, *folder.parents) if one.exists())


def _room(session: Session) -> str:
    home, needed = _nearest(session.settings.home), session.settings.free_disk_bytes
    free = shutil.disk_usage(home).free
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
