"""How an error is told to the person at the terminal: short, with a next step, and with an exit code."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import click

import shanhai
from shanhai.cli.output import error_console, json_text
from shanhai.errors import ShanhaiError

if TYPE_CHECKING:
    from shanhai.cli.session import Session

UNEXPECTED = 1
INTERRUPTED = 130
BROKEN_PIPE = 141

EXIT_CODES = """\
\b
Exit codes, by what helps:
  0    done, also when deliveries are held for a decision
  1    something unexpected: report it
  2    the command was called in a wrong way
  65   fix the data: the source sent what its contract does not allow, or a file is damaged
  70   report it: a fault of ours, such as two counts that differ
  75   retry later: a source, a store or a lock was not available
  77   denied: policy does not allow it
  78   fix the configuration: a contract, a setting, a name
  130  interrupted"""


def tell(error: Exception, session: Session) -> int:
    """Write `error` to standard error and give the exit code of its class.

    What Shanhai raises on purpose is told in full. Of anything else only the class and the place are:
    the text of a foreign exception may quote a row.
    """
    if session.debug:
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, ShanhaiError):
        _tell_known(error, session)
        return error.exit_code
    if isinstance(error, OSError) and error.strerror:
        told = ShanhaiError(error.strerror, given=error.filename, hint=_next_step(session))
    else:
        told = ShanhaiError(f"unexpected {type(error).__name__} in {_place(error)}", hint=_next_step(session))
    _tell_known(told, session)
    return UNEXPECTED


def _tell_known(error: ShanhaiError, session: Session) -> None:
    if session.form == "json":
        click.echo(json_text(error.as_dict()), err=True)
        return
    from rich.text import Text

    console = error_console()
    console.print(Text.assemble(("error: ", "bold red"), _harmless(error.message)))
    details = {"given": error.given, "allowed": error.allowed, "hint": error.hint}
    for label, value in details.items():
        if value:
            console.print(Text.assemble((f"  {label:<8}", "dim"), _harmless(value)))


def _harmless(text: str) -> str:
    """The text with what would control the terminal as escapes: names that others made stand in paths."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def _next_step(session: Session) -> str:
    return "" if session.debug else "run it again as `shanhai --debug …` to see where it comes from"


def _place(error: Exception) -> str:
    """Where our own code was when the error came, as `ingest/load.py:42`."""
    root = Path(shanhai.__file__).parent
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(root)]
    if not own:
        return "a library"
    last = own[-1]
    return f"{Path(last.filename).relative_to(root)}:{last.lineno}"
