"""`shanhai quarantine`: look at refused rows, and say what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from shanhai.cli.output import Heading, Row, raise_last, say, say_already, show, show_json
from shanhai.cli.replay import outcome, show_outcome, unchanged
from shanhai.cli.selection import DATASET, ROW, declared, find_delivery
from shanhai.cli.session import Session, Verb, format_option, pass_session
from shanhai.ids import DatasetId, DeliveryId

if TYPE_CHECKING:
    from shanhai.ingest.books import Entry
    from shanhai.ingest.quarantine import Group
    from shanhai.ingest.reconcile import Behind
    from shanhai.ingest.replay import Replayed

Place = tuple[str, int]

STATES = ("open", "released", "discarded", "purged")
_GROUPS = (
    Heading("dataset", "dataset"),
    Heading("short", "delivery", wraps=True),
    Heading("rule", "broken rule"),
    Heading("state", "state"),
    Heading("rows", "rows", number=True),
)
_ROWS = (
    Heading("body", "body", wraps=True),
    Heading("position", "position", number=True),
    Heading("state", "state"),
    Heading("rules", "broken rules", wraps=True),
)
_RAW = Heading("raw", "raw", wraps=True)
_rule = click.option("--rule", default="", metavar="RULE", help="Only rows that broke this rule.")
_state = click.option("--state", type=click.Choice(STATES), help="Only rows in this state.")


@click.group()
def command() -> None:
    """Look at refused rows, release or discard them.

    A row that breaks a rule is kept whole, but for what its contract ignores, with every rule that it broke,
    until the contract's retention lets it go; of a line that is too long the beginning is. Lists have counts
    only: the text of a row is shown by `show --raw`, and nowhere else.
    """


@command.command("list")
@click.option("--dataset", type=DATASET, help="Only this dataset's rows.")
@_rule
@_state
@format_option
@pass_session
def list_groups(session: Session, dataset: DatasetId | None, rule: str, state: str | None) -> None:
    """Count refused rows by delivery, broken rule and state.

    A row that breaks two rules is counted under both, so the counts may exceed the rows. Where those of one
    dataset are lost, the others are listed before that is told.

    \b
    open       somebody may still release, replay or discard it
    released   it was let through, and is good now
    discarded  somebody said that nothing will come of it
    purged     its text is gone, by the contract's retention

    \b
    Examples:
      shanhai quarantine list --state open
      shanhai quarantine list --dataset longyou.water_meters --rule reading_m3.range
    """
    from shanhai.ingest.quarantine import groups

    declared(session, dataset)
    behind: list[Behind] = []
    every = groups(session.node, dataset=dataset, behind=behind)
    _check_rule(session, rule, every, session.federation.datasets if dataset is None else (dataset,))
    found = [
        {
            "delivery": str(group.delivery),
            "short": group.delivery.short,
            "dataset": str(group.delivery.dataset),
            "partition": group.delivery.partition,
            "rule": group.reason,
            "state": group.state,
            "rows": group.rows,
        }
        for group in every
        if rule in ("", group.reason) and state in (None, group.state)
    ]
    narrowed = dataset is not None or rule or state is not None
    empty = "No such row in quarantine." if narrowed else "The quarantine is empty."
    show(found, _GROUPS, form=session.form, empty=empty)
    raise_last(one.error for one in behind)


@command.command("show")
@click.argument("delivery")
@_rule
@_state
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=20, show_default=True, help="Rows at most."
)
@click.option("--raw", is_flag=True, help="Also the text of each row, which may be personal.")
@format_option
@pass_session
def show_rows(session: Session, delivery: str, rule: str, state: str | None, limit: int, raw: bool) -> None:
    """Show where refused rows stand, and what each broke.

    The position counts the records of a body from 1, as the source sent them.

    \b
    Examples:
      shanhai quarantine show longyou.hazards/2024-03-02 --rule risk_level.codes
      shanhai quarantine show longyou.hazards/2024-03-02 --raw --limit 3
    """
    from shanhai.ingest.quarantine import groups, rows

    chosen = _chosen(session, delivery)
    if rule:
        _check_rule(session, rule, groups(session.node, delivery=chosen), (chosen.dataset,))
    found = [
        {
            "body": row.body,
            "position": row.position,
            "state": row.state,
            "rules": list(row.reasons),
            **({"raw": row.raw} if raw else {}),
        }
        for row in rows(
            session.node,
            chosen,
            reason=rule,
            state=state or "",
            limit=limit + 1,
            raw=raw,
        )
    ]
    headings = (*_ROWS, _RAW) if raw else _ROWS
    show(found[:limit], headings, form=session.form, empty="No such row in quarantine.")
    if len(found) > limit:
        say(f"There are more than {limit}: --limit shows more.")


def _check_rule(session: Session, rule: str, found: Iterable[Group], datasets: Iterable[DatasetId]) -> None:
    """Make sure that there is a rule of that name: of a contract, or of a contract of then.

    Raises:
        NotFoundError: there is none.
    """
    from shanhai.errors import NotFoundError, as_typed
    from shanhai.ingest.waivers import is_unknown

    broken = {group.reason for group in found}
    contracts = [session.federation.contracts.get(dataset) for dataset in datasets]
    if not rule or rule in broken or any(one and not is_unknown(one, rule) for one in contracts):
        return
    raise NotFoundError(
        "there is no such rule",
        given=as_typed(rule),
        allowed=sorted(broken) or "the rules of the contract; no row broke one",
        hint="shanhai quarantine list",
    )


def _chosen(session: Session, text: str) -> DeliveryId:
    return find_delivery((row.delivery for row in session.ledger), text)


def _decision(verb: Verb) -> Verb:
    """What every decision needs: the delivery, the rules, who decides, and why."""
    verb = click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the ledger.")(verb)
    verb = click.option("--by", required=True, metavar="NAME", help="Who decides; kept in the ledger.")(verb)
    verb = click.option("--rule", "rules", multiple=True, metavar="RULE", help="Only this; repeatable.")(verb)
    return click.argument("delivery")(format_option(verb))


def _of_rows(verb: Verb) -> Verb:
    """What a release may name beside rules."""
    verb = click.option("--dry-run", is_flag=True, help="Tell what would change, and change nothing.")(verb)
    return click.option(
        "--row",
        "rows",
        multiple=True,
        type=ROW,
        metavar="BODY:POSITION",
        help="Only this row, as `show` names it; repeatable.",
    )(verb)


@command.command("release")
@_decision
@_of_rows
@pass_session
def release_rows(
    session: Session,
    delivery: str,
    rules: tuple[str, ...],
    rows: tuple[Place, ...],
    by: str,
    reason: str,
    dry_run: bool,
) -> None:
    """Let rows of DELIVERY enter although they break rules.

    A row enters when each rule that it breaks is waived for it. The delivery is judged again by the
    contract as it is now; the rules still count as broken, and the ledger says who let them pass and why.
    A record that is none, a value without a type and a missing key cannot be waived. `revoke` undoes it.

    \b
    Examples:
      shanhai quarantine release longyou.hazards/2024-03-02 --rule risk_level.codes \\
        --by "Li Wei" --reason "the new code is right" --dry-run
      shanhai quarantine release longyou.hazards/2024-03-02 --rule risk_level.codes \\
        --row opendata/hazards/2024-03-02.csv:17 \\
        --by "Li Wei" --reason "seen on the spot"
    """
    from shanhai.ingest.release import release

    chosen = _chosen(session, delivery)
    with _told_if_already(session, unchanged(chosen)):
        done = release(session.node, chosen, rules, rows or None, by=by, reason=reason, dry_run=dry_run)
        _tell_released(session, done, dry_run=dry_run)


@command.command("revoke")
@_decision
@_of_rows
@pass_session
def revoke_release(
    session: Session,
    delivery: str,
    rules: tuple[str, ...],
    rows: tuple[Place, ...],
    by: str,
    reason: str,
    dry_run: bool,
) -> None:
    """Take releases of DELIVERY back: its rows go where they were.

    Without --rule all that was waived for the delivery is taken back.

    \b
    Example:
      shanhai quarantine revoke longyou.hazards/2024-03-02 --by "Li Wei" --reason "it was another street"
    """
    from shanhai.ingest.release import revoke

    chosen = _chosen(session, delivery)
    with _told_if_already(session, unchanged(chosen)):
        done = revoke(session.node, chosen, rules, rows or None, by=by, reason=reason, dry_run=dry_run)
        _tell_released(session, done, dry_run=dry_run)


def _tell_released(session: Session, done: Replayed, *, dry_run: bool) -> None:
    if session.form == "json":
        show_json({**outcome(done), "already": False})
    else:
        show_outcome([done], dry_run=dry_run)


@contextmanager
def _told_if_already(session: Session, unchanged: Mapping[str, Any]) -> Iterator[None]:
    """Say that somebody had decided so before, with the facts that a program is given then."""
    from shanhai.ingest.already import AlreadySoError

    try:
        yield
    except AlreadySoError as error:
        say_already(error)
        if session.form == "json":
            show_json({**unchanged, "already": True})


@command.command("discard")
@_decision
@pass_session
def discard_rows(session: Session, delivery: str, rules: tuple[str, ...], by: str, reason: str) -> None:
    """Say that nothing will come of the open rows of DELIVERY.

    They stay whole and still count as quarantined, but are no longer listed as open. `reopen` undoes it.

    \b
    Example:
      shanhai quarantine discard longyou.hazards/2024-03-02 --rule risk_level.codes \\
        --by "Li Wei" --reason "the district has no better figures"
    """
    from shanhai.ingest.discard import discard

    chosen = _chosen(session, delivery)
    with _told_if_already(session, _noted(chosen, "discard", rules)):
        _tell(session, discard(session.node, chosen, rules=rules, by=by, reason=reason), "discarded")


@command.command("reopen")
@_decision
@pass_session
def reopen_rows(session: Session, delivery: str, rules: tuple[str, ...], by: str, reason: str) -> None:
    """Take back what was discarded of DELIVERY.

    \b
    Example:
      shanhai quarantine reopen longyou.hazards/2024-03-02 --by "Li Wei" --reason "a list of codes arrived"
    """
    from shanhai.ingest.discard import reopen

    chosen = _chosen(session, delivery)
    with _told_if_already(session, _noted(chosen, "reopen", rules)):
        _tell(session, reopen(session.node, chosen, rules=rules, by=by, reason=reason), "open again")


def _tell(session: Session, entry: Entry, state: str) -> None:
    if session.form == "json":
        noted = _noted(DeliveryId.parse(entry.delivery), entry.kind, entry.scope)
        show_json({**noted, "already": False})
        return
    say(f"{DeliveryId.parse(entry.delivery).short}: {state}: {', '.join(entry.scope)}.")


def _noted(delivery: DeliveryId, kind: str, rules: Iterable[str]) -> Row:
    return {"delivery": str(delivery), "kind": kind, "rules": list(rules)}
