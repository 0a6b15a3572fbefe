"""`shanhai generate`: everything that follows from the contracts."""

from __future__ import annotations

import click

from shanhai.cli.output import Heading, say, show
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError

_HEADINGS = (Heading("change", "change"), Heading("file", "file"))


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; end with code 78 when a file differs.")
@format_option
@pass_session
def command(session: Session, check: bool) -> None:
    """Write everything that follows from the contracts.

    That is: table schemas, Great Expectations suites, dbt sources and models, the knobs of the DAGs.
    Only files that differ are written, and files that no contract accounts for any more are removed.

    \b
    Examples:
      shanhai generate             after a contract was added or changed
      shanhai generate --check     in continuous integration
    """
    from shanhai.contracts.generate import drift, generate
    from shanhai.storage.durable import replace_text

    found = drift(session.federation) if check else generate(session.federation, replace_text)
    words = ("missing", "changed", "left over") if check else ("written", "updated", "removed")
    changes = dict(zip(words, (found.missing, found.changed, found.left_over), strict=True))
    rows = [{"change": change, "file": str(path)} for change, paths in changes.items() for path in paths]
    show(rows, _HEADINGS, form=session.form, empty="Every generated file is as its contract says.")
    if check and found:
        raise ConfigurationError(f"{len(rows)} generated files differ", hint="shanhai generate")
    if rows and not check:
        say(f"{len(rows)} file{'s' * (len(rows) != 1)} brought up to date.")
