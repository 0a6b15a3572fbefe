"""`shanhai release`: give one version of a dataset or a mart to a partner, or see what would leave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shanhai.cli.desk import by_option, person
from shanhai.cli.output import Heading, fields, say, section, show, show_json
from shanhai.cli.pair_shown import rows_of, say_what_went
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import NotFoundError

if TYPE_CHECKING:
    from shanhai.contracts.model import ShareClass
    from shanhai.courier.planning import Ask, Plan
    from shanhai.courier.releasing import Released

_COLUMNS = (
    Heading("name", "column"),
    Heading("type", "type"),
    Heading("classification", "class"),
    Heading("personal", "personal"),
    Heading("mask", "mask"),
    Heading("readable", "readable"),
)
_RULES = (
    Heading("rule", "rule"),
    Heading("allows", "lets it leave"),
    Heading("says", "says", wraps=True),
    Heading("change", "would have to change", wraps=True),
)
_FIRST = "shanhai pair offer"
_OPTIONS = {"keep_days": "--keep-days", "people": "--people", "approver": "--approved-by"}
_CHANGES = {
    "keep_days": "For fewer days: shanhai grant add --revises, then release under the new revision.",
    "people": "It was judged by what was counted then: shanhai exchange releases --format json.",
    "approver": "Who agreed then: shanhai exchange releases.",
}
"""What whoever releases again can do about an option that changes nothing of what was released."""


@click.command()
@click.argument("dataset")
@click.option("--to", "partner", required=True, metavar="PARTNER", help="Its name, as this node calls it.")
@by_option
@click.option(
    "--approved-by",
    metavar="NAME",
    callback=person,
    help="Who agreed; needed where a personal column leaves.",
)
@click.option("--version", type=click.IntRange(0), help="Of the table or publication.  [default: the newest]")
@click.option("--grant", metavar="ID", help="Beginning of the grant's id, where several are in force.")
@click.option("--column", "columns", multiple=True, metavar="NAME", help="Only these of what was granted.")
@click.option("--keep-days", type=click.IntRange(1, 36_500), help="Fewer days than were granted.")
@click.option("--people", metavar="COLUMN", help="Who is meant by a row, where the grant wants groups.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="An application: DATASET is its name, and these are its files.",
)
@click.option(
    "--share-class",
    type=click.Choice(["unconditional", "conditional"]),
    default="conditional",
    show_default=True,
    help="Of an application; of data the contract says it.",
)
@click.option("--dry-run", is_flag=True, help="Show what would leave, and what every rule says of it.")
@format_option
@pass_session
def command(
    session: Session,
    dataset: str,
    partner: str,
    by: str,
    approved_by: str | None,
    version: int | None,
    grant: str | None,
    columns: tuple[str, ...],
    keep_days: int | None,
    people: str | None,
    folder: Path | None,
    share_class: ShareClass,
    dry_run: bool,
) -> None:
    """Release one version of a dataset or mart to a partner.

    DATASET is <district>.<dataset>, or marts.<mart>, or with --folder the name of an application. Policy
    decides, by the grant that this node gave the partner. What leaves is sealed and signed once, and
    `shanhai ship` takes it to the relay. The same release again changes nothing. With --dry-run nothing
    leaves and no passphrase is asked for; it shows columns, masks, counts and rules, and no value of a row.

    \b
    Examples:
      shanhai release gongshu.noise --to longyou --by "Li Wei" --dry-run
      shanhai release gongshu.noise --to longyou --by "Li Wei"
    """
    from shanhai.courier.planning import Ask

    ask = Ask(
        subject=dataset,
        partner=partner,
        version=version,
        grant=grant,
        columns=columns or None,
        keep_days=keep_days,
        people=people,
        approver=approved_by,
        folder=folder,
        share_class=share_class,
    )
    if dry_run:
        _dry_run(session, ask, by)
    else:
        _release(session, ask, by)


def _dry_run(session: Session, ask: Ask, by: str) -> None:
    from shanhai.cli.desk import state_of
    from shanhai.clock import system_clock
    from shanhai.courier.planning import plan

    now = system_clock().replace(microsecond=0)
    with state_of(session) as connection:
        if connection is None:
            raise NotFoundError("no such partner", given=ask.partner, allowed="none yet", hint=_FIRST)
        planned = plan(session.node, connection, ask, who=by, now=now)
    if session.form == "json":
        show_json(planned.as_dict())
        return
    _show_plan(planned)


def _release(session: Session, ask: Ask, by: str) -> None:
    from shanhai.cli.desk import at_desk
    from shanhai.courier.releasing import release
    from shanhai.courier.taking_back import take_back_over

    with at_desk(session, by) as desk:
        # Of its own, so that it is said although policy denies the release.
        gone = take_back_over(desk, ask.partner)
        say_what_went(gone, untold=False)
        done = release(desk, session.node, ask)
    facts = {**_facts(done, ask.partner), "taken_back": rows_of(gone)}
    if session.form == "json":
        show_json(facts)
        return
    fields({name.replace("_", " "): value for name, value in facts.items() if name != "taken_back"})
    if done.repeated:
        say("It was released before; nothing was made anew.")
        for name in done.unheard:
            say(f"Not so by {_OPTIONS[name]}: what was signed stays as it is. {_CHANGES[name]}")
    elif done.message.uploaded is None:
        say(f"Signed and kept. Now take it to the relay: shanhai ship {ask.partner}")


def _facts(done: Released, partner: str) -> dict[str, Any]:
    release, message = done.release, done.message
    return {
        "subject": release.subject.name,
        "version": release.version,
        "partner": partner,
        "grant": release.grant,
        "revision": release.rev,
        "rows": release.counts.get("rows"),
        "set": release.set_id,
        "sealed_anew": done.sealed,
        "repeated": done.repeated,
        "unheard": [_OPTIONS[name] for name in done.unheard],
        "generation": message.generation,
        "seq": message.seq,
        "message": message.digest,
        "not_after": message.not_after,
    }


def _show_plan(planned: Plan) -> None:
    leaving, terms, decision = planned.leaving, planned.terms, planned.decision
    fields(
        {
            "dataset": f"{planned.found.subject.name}, version {planned.found.version}",
            "to": planned.partner.name,
            "grant": f"{terms.grant}, revision {terms.rev}" if planned.case.grant else None,
            "purpose": terms.purpose,
            "share class": terms.share_class,
            "passed on": terms.onward,
            "deleted by": terms.retain_until if planned.case.grant else None,
            "rows": f"{leaving.rows:,} of {leaving.rows_held:,}",
            "row filter": leaving.row_filter,
            "stay": list(leaving.withheld),
            "set": planned.reused.set_id if planned.reused else "a new one",
            "released before": planned.earlier.at if planned.earlier else None,
        }
    )
    section("What the set has")
    show([vars(column) for column in leaving.columns], _COLUMNS, form="table", empty="")
    section("What every rule says")
    rules = [
        {"rule": one.rule, "allows": one.allows, "says": one.words("en"), "change": one.change("en")}
        for one in decision.outcomes
    ]
    show(rules, _RULES, form="table", empty="")
    say("It would be released." if decision.allowed else f"It is denied, by the rule {decision.rule} first.")
