"""What one call of the command line knows: its global options, and the node opened from them."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from shanhai.contracts.federation import Federation
    from shanhai.errors import ShanhaiError
    from shanhai.ids import DatasetId
    from shanhai.ingest.ledger import LedgerRow
    from shanhai.ingest.node import Node, Progress
    from shanhai.ingest.reconcile import Behind
    from shanhai.settings import Settings

Form = Literal["table", "json"]
Verb = TypeVar("Verb", bound=Callable[..., object])


@dataclass
class Session:
    """The global options of one call. Filled by click while it parses, read by the verbs."""

    home: Path | None = None
    federation_root: Path | None = None
    debug: bool = False
    form: Form = "table"
    makes_home: bool = False
    """Whether this call is one of those with which a home begins."""
    behind: list[Behind] = field(default_factory=list)
    """What the books could not be brought up to when the ledger was read; each is in the log."""

    @functools.cached_property
    def settings(self) -> Settings:
        """The settings of the environment, with `--home` and `--federation` in their place."""
        from shanhai.settings import load_settings, read_settings

        given = {"home": self.home, "federation": self.federation_root}
        overrides = {name: path for name, path in given.items() if path is not None}
        return read_settings(**overrides) if overrides else load_settings()

    @functools.cached_property
    def federation(self) -> Federation:
        """The contracts of the federation folder, without touching any state."""
        from shanhai.contracts.federation import open_federation

        return open_federation(self.settings.federation)

    @functools.cached_property
    def ledger(self) -> Sequence[LedgerRow]:
        """The net ledger, one row a delivery; what is wrong with one dataset stops no other (`behind`)."""
        from shanhai.ingest.ledger import ledger

        self.behind.clear()
        return ledger(self.node, self.behind)

    def unbooked(self, dataset: DatasetId | None) -> list[ShanhaiError]:
        """Why the ledger that was read has not all of a dataset; None: of every one."""
        return [one.error for one in self.behind if one.table == "ledger" and dataset in (None, one.dataset)]

    def require_booked(self, dataset: DatasetId | None) -> None:
        """Make sure that the ledger that was read has all of a dataset; None: of every one.

        Raises:
            ShanhaiError: why it has not.
        """
        for error in self.unbooked(dataset):
            raise error

    def forget_ledger(self) -> None:
        """Read the ledger again when it is next asked for, because this call changed it."""
        self.__dict__.pop("ledger", None)

    @functools.cached_property
    def progress(self) -> Progress:
        """Is told how far a long call has come: on a terminal one line shows it, elsewhere nobody looks."""
        from shanhai.cli.progress import telling
        from shanhai.ingest.node import silent

        context = click.get_current_context(silent=True)
        if context is None or not sys.stderr.isatty():
            return silent
        return context.with_resource(telling())

    @functools.cached_property
    def node(self) -> Node:
        """The node whose state lies in the home folder; on a terminal its steps tell how far they are.

        Raises:
            NotFoundError: there is no home, and this call is none that makes one.
        """
        from shanhai.ingest.node import open_node

        return open_node(self.settings, progress=self.progress, make=self.makes_home)


pass_session = click.make_pass_decorator(Session)


def format_option(command: Verb) -> Verb:
    """Adds `--format table|json`; the verb reads it as `session.form`.

    It is read before the others: what is wrong with one of them is told in the form that was asked for.
    """
    return click.option(
        "--format",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        expose_value=False,
        is_eager=True,
        callback=_remember_form,
        help="A table for people, or one JSON document on standard output.",
    )(command)


def log_to_stderr(verbosity: int) -> None:
    """Send our own log to standard error: warnings, with 1 also steps, with 2 everything."""
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    handler = _AboveProgress(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s", "%H:%M:%S"))
    for package in ("shanhai", "connectors"):
        logger = logging.getLogger(package)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False


class _AboveProgress(logging.StreamHandler[TextIO]):
    """Writes where the line of progress stood, which comes again below."""

    def emit(self, record: logging.LogRecord) -> None:
        from shanhai.cli.progress import aside

        with aside():
            super().emit(record)


def _remember_form(ctx: click.Context, _: click.Parameter, value: Any) -> None:
    session = ctx.find_object(Session)
    if session is not None:
        session.form = value
