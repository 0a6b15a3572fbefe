"""The root command, its global options, and the one place where errors become exit codes."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from shanhai.cli.failures import BROKEN_PIPE, EXIT_CODES, INTERRUPTED, tell
from shanhai.cli.lazy import LazyGroup
from shanhai.cli.session import Session, log_to_stderr, pass_session

_SECTIONS = {
    "Declare": ("contract", "generate", "connectors"),
    "Walk": ("pull", "walk", "reconcile", "build", "publish"),
    "Look": ("ledger", "publications", "lineage", "report", "doctor"),
    "Decide": ("delivery", "replay", "quarantine", "purge"),
    "Exchange": (
        "node",
        "keys",
        "pair",
        "grant",
        "release",
        "ship",
        "receive",
        "application",
        "receipts",
        "exchange",
        "parcel",
        "audit",
    ),
}


@click.group(
    cls=LazyGroup,
    package="shanhai.cli",
    sections=_SECTIONS,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with the state of the node.  [default: $SHANHAI_HOME, else var/run]",
)
@click.option(
    "--federation",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that holds districts/.  [default: $SHANHAI_FEDERATION, else the current one]",
)
@click.option("-v", "--verbose", count=True, help="Log each step to standard error; twice: everything.")
@click.option("--debug", is_flag=True, help="Show tracebacks. They may quote data: do not pass them on.")
@click.version_option(package_name="shanhai", message="shanhai %(version)s")
@pass_session
def shanhai(session: Session, home: Path | None, federation: Path | None, verbose: int, debug: bool) -> None:
    """Pull districts' public data, prove what was accepted and refused, build the warehouse.

    \b
    A delivery is one snapshot of one dataset for one partition. It walks
    pull → snapshot → stage → check → load → build → publish, and after every load
    rows in = loaded + quarantined + duplicates + superseded + withheld.

    \b
    Start here:
      shanhai contract list                     what this federation declares
      shanhai walk longyou.water_meters         take one dataset through the walk
      shanhai ledger                            what became of every row
      shanhai delivery list --verdict held      what waits for a person
    """
    session.home, session.federation_root, session.debug = home, federation, debug
    log_to_stderr(verbose)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: what follows the program's name; None: those of the process.

    Returns:
        The exit code, by the class of the error.
    """
    session = Session()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What a person is shown has escapes where there is no sign; what a program reads: `output`.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = shanhai.main(arguments, prog_name="shanhai", standalone_mode=False, obj=session)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away; the interpreter must not complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the last catcher: everything becomes a message and a code
        return tell(error, session)
    return code if isinstance(code, int) else 0
