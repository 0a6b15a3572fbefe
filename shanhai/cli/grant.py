"""`shanhai grant`: what a partner may have, in numbered statements of the owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shanhai.cli.desk import at_desk, by_option, state_of
from shanhai.cli.grant_shown import LIST, row_of, tell
from shanhai.cli.moments import MOMENT, in_utc
from shanhai.cli.output import show
from shanhai.cli.pair_standing import unknown
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError, DeniedError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from shanhai.contracts.model import Column
    from shanhai.courier.granting import Draft
    from shanhai.exchange.subjects import Subject
    from shanhai.governance.values import Data

_SHARE_CLASSES = ("unconditional", "conditional")
_ONWARD = ("none", "named", "open")


class _MaskType(click.ParamType[tuple[str, str]]):
    """`<column>=<mask>`."""

    name = "mask"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        column, equals, action = str(value).partition("=")
        if not (column and equals and action):
            self.fail("a mask is <column>=<mask>, as holder=mask-alphanum", param, ctx)
        return column, action


@click.group()
def command() -> None:
    """State what a partner may have, and take that back.

    A grant names a dataset with its columns, or an application, a purpose, until when, and for how long the
    partner may keep it. Nothing leaves without one, and the rules of a release judge each parcel by its
    newest revision. The partner gets every revision in a message.
    """


@command.command("add")
@click.argument("subject", metavar="DATASET")
@click.option("--to", "partner", required=True, metavar="PARTNER", help="Who may have it.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME",
    help="A column that leaves.  [default: those that are general and not personal]",
)
@click.option("--purpose", required=True, metavar="WORD", help="What for, in small letters, digits, _ and -.")
@click.option("--until", type=MOMENT, required=True, help="Until before this moment, in UTC.")
@click.option("--from", "start", type=MOMENT, help="From this moment, in UTC.  [default: now]")
@click.option(
    "--retention-days",
    type=click.IntRange(1, 36_500),
    required=True,
    help="For how many days the partner may keep what it gets.",
)
@click.option("--rows", metavar="CONDITION", help="Which rows leave.  [default: all]")
@click.option("--mask", "masks", type=_MaskType(), multiple=True, help="<column>=<mask>, once a column.")
@click.option("--share-class", type=click.Choice(_SHARE_CLASSES), help="[default: what the contracts say]")
@click.option(
    "--onward",
    type=click.Choice(_ONWARD),
    default="none",
    show_default=True,
    help="Whether the partner may pass it on.",
)
@click.option("--k", type=click.IntRange(2, 1_000_000), help="Fewest people behind a row that counts people.")
@click.option("--application", is_flag=True, help="DATASET is the name of an application, had whole.")
@click.option("--revises", metavar="GRANT", help="Replace this grant by its next revision.")
@click.option("--wider", is_flag=True, help="The revision may allow what the grant did not.")
@by_option
@format_option
@pass_session
def add_command(
    session: Session,
    /,
    subject: str,
    partner: str,
    by: str,
    revises: str | None,
    wider: bool,
    **stated: Any,
) -> None:
    """Give a grant to a partner.

    DATASET is <district>.<dataset>, or marts.<mart> of the newest publication. Columns, masks and rows are
    checked against the contract at once, and again at each release. Which masks a column can have, and what
    a condition may say, is in docs/reference/release.md. A column that is core or personal must be named.

    \b
    Examples:
      shanhai grant add longyou.hazards --to gongshu --purpose flood-drill --until 2027-06-30 \\
        --retention-days 90 --column area_code --column risk_level --rows "risk_score >= 60" --by "Chen Mei"
      shanhai grant add water_desk --application --to gongshu --purpose trial --until 2027-06-30 \\
        --retention-days 365 --share-class conditional --by "Chen Mei"
    """
    from dataclasses import replace

    from shanhai.courier.granting import Changed, add, given, revise
    from shanhai.courier.partners import of_pairing

    begins_now = stated["start"] is None
    draft, known = _drafted(session, subject, partner, stated)
    with at_desk(session, by) as desk:
        draft = replace(draft, valid_from=desk.now) if begins_now else draft
        if revises is None:
            grant = add(desk, partner, draft, data=known)
        else:
            _check_partner(partner, of_pairing(desk.connection, given(desk, revises).pairing).name)
            changed = revise(desk, revises, draft, data=known, wider=wider)
            tell(session, changed, partner)
            return
    tell(session, Changed(grant, (), untold=False), partner)


@command.command("list")
@click.option("--partner", metavar="PARTNER", help="Only of this one.")
@format_option
@pass_session
def list_command(session: Session, partner: str | None) -> None:
    """List what is granted, by us and to us, by its newest revision.

    \b
    Example:
      shanhai grant list --partner gongshu
    """
    from shanhai.clock import system_clock
    from shanhai.courier import granted, partners

    rows: list[dict[str, Any]] = []
    with state_of(session) as connection:
        if connection is None and partner is not None:
            raise unknown(partner)
        if connection is not None:
            if partner is not None:
                partners.named(connection, partner)
            names = {one.pairing: one.name for one in partners.every(connection)}
            now = system_clock()
            rows = [row_of(one, names[one.pairing], now) for one in granted.every(connection)]
    chosen = [row for row in rows if partner in (None, row["partner"])]
    empty = "No grant is with this partner." if rows else "Nothing is granted yet."
    show(chosen, LIST, form=session.form, empty=empty)


@command.command("revoke")
@click.argument("grant")
@by_option
@format_option
@pass_session
def revoke_command(session: Session, grant: str, by: str) -> None:
    """Take a grant back.

    GRANT is its id, or four or more of the first digits. Nothing is released under it from this moment on,
    and what was released and has not begun to leave is taken back. The partner is told with the next
    `shanhai ship`. What it has, it has: only it can delete that.

    \b
    Example:
      shanhai grant revoke 5e7a --by "Chen Mei"
    """
    from shanhai.courier.granting import given, revoke
    from shanhai.courier.partners import of_pairing

    with at_desk(session, by) as desk:
        partner = of_pairing(desk.connection, given(desk, grant).pairing).name
        revoked = revoke(desk, grant)
    tell(session, revoked, partner)


def _drafted(
    session: Session, subject: str, partner: str, stated: dict[str, Any]
) -> tuple[Draft, Data | None]:
    """What is stated, its names looked up: a slip is told before anybody is asked for a passphrase."""
    from shanhai.clock import system_clock
    from shanhai.courier import partners
    from shanhai.courier.granting import Draft, check_shape
    from shanhai.courier.own_keys import keyring_of

    about = _subject(subject, application=stated.pop("application"))
    keyring_of(session.settings.home).keyset()
    with state_of(session) as connection:
        if connection is None:
            raise unknown(partner)
        partners.named(connection, partner)
        known = _known(session, connection, about)
    draft = Draft(
        subject=about,
        columns=_columns(stated.pop("columns"), known),
        masks=_masks(stated.pop("masks")),
        share_class=_share_class(stated.pop("share_class"), known),
        valid_from=in_utc(stated.pop("start") or system_clock()),
        until=in_utc(stated.pop("until")),
        row_filter=stated.pop("rows"),
        **stated,
    )
    check_shape(draft, known)
    return draft, known


def _subject(name: str, *, application: bool) -> Subject:
    from shanhai.exchange.subjects import APPLICATION, DATASET, Subject
    from shanhai.ids import DatasetId

    return Subject(APPLICATION, name) if application else Subject(DATASET, str(DatasetId.parse(name)))


def _known(session: Session, connection: sqlite3.Connection, subject: Subject) -> Data | None:
    """What contracts say of a dataset or a mart; None of an application.

    Raises:
        NotFoundError: this federation has no such dataset, or no such mart was published yet.
    """
    from shanhai.courier.subjects import MARTS, find
    from shanhai.exchange.subjects import APPLICATION
    from shanhai.governance.values import Data
    from shanhai.ids import DatasetId

    if subject.kind == APPLICATION:
        return None
    dataset = DatasetId.parse(subject.name)
    if dataset.district == MARTS:
        return find(session.node, connection, subject.name).data
    contract = session.federation.contract(dataset)
    return Data(subject, contract.share_class, contract.columns, key=contract.key)


def _columns(named: tuple[str, ...], known: Data | None) -> tuple[str, ...] | None:
    if known is None:
        if named:
            raise ConfigurationError("an application is had whole", given=", ".join(named), allowed="none")
        return None
    return named or _open_ones(known.columns)


def _open_ones(columns: Sequence[Column]) -> tuple[str, ...]:
    """The columns that need not be named one by one."""
    return tuple(one.name for one in columns if one.classification == "general" and not one.personal)


def _masks(pairs: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    masks = dict(pairs)
    if len(masks) != len(pairs):
        raise ConfigurationError(
            "a column has two masks", given=", ".join(name for name, _ in pairs), allowed="one each"
        )
    return masks


def _share_class(given: str | None, known: Data | None) -> str:
    stated = known.share_class if known else None
    if known is not None and stated == "not_shared":
        raise _not_shared(known.subject.name)
    if given is None and stated is None:
        raise ConfigurationError(
            "an application has no contract that states its share class",
            given="none",
            allowed=_SHARE_CLASSES,
            hint="say it: --share-class conditional",
        )
    return given or str(stated)


def _not_shared(name: str) -> DeniedError:
    from shanhai.courier.subjects import MARTS

    place, _, table = name.partition(".")
    if place == MARTS:
        says, way = "a dataset that the mart rests on", f"which those are: shanhai lineage show {table}"
    else:
        file = f"districts/{place}/{table}.odcs.yml"
        says, way = "its contract", f"whoever may decide otherwise states so in {file}"
    return DeniedError(
        f"{says} says that it is not shared, so no grant lets it leave",
        given=name,
        allowed="shareClass unconditional or conditional",
        hint=way,
    )


def _check_partner(given: str, allowed: str) -> None:
    if given != allowed:
        raise ConfigurationError("the grant is of another partner", given=given, allowed=allowed)
