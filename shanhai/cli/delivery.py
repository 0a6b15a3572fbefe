"""`shanhai delivery`: look at deliveries, and decide what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from shanhai.cli.chosen import chosen_delivery, pending_of
from shanhai.cli.follow import build_option, follow
from shanhai.cli.ledger import COUNTS, record
from shanhai.cli.output import (
    Heading,
    brief,
    cell,
    fields,
    raise_last,
    say,
    say_already,
    section,
    show,
    show_json,
)
from shanhai.cli.selection import DATASET, declared
from shanhai.cli.session import Session, Verb, format_option, pass_session
from shanhai.ids import DatasetId, DeliveryId

if TYPE_CHECKING:
    from shanhai.ingest.ledger import LedgerRow
    from shanhai.ingest.records import Staging, Validation
    from shanhai.quality.difference import Difference

Action = Literal["approve", "refuse", "withdraw"]
PENDING = "pending"
VERDICTS = ("accepted", "held", "refused", "withdrawn", PENDING)
_LISTED = (
    Heading("delivery", "delivery", wraps=True),
    Heading("verdict", "verdict"),
    Heading("rows_in", "rows in", number=True),
    Heading("quarantined", "quarantined", number=True),
    Heading("withheld", "withheld", number=True),
    Heading("reason", "reason", wraps=True),
    Heading("decided_by", "decided by"),
)
_ENTRIES = (
    Heading("at", "at"),
    Heading("kind", "entry"),
    Heading("verdict", "verdict"),
    Heading("decided_by", "by"),
    Heading("reason", "reason", wraps=True),
)
_FINDINGS = (
    Heading("name", "finding"),
    Heading("given", "found"),
    Heading("allowed", "expected"),
    Heading("reason", "reason of the limit", wraps=True),
)
_DIFFERENCES = (
    Heading("text", "what differs", wraps=True),
    Heading("certainty", "certainty"),
    Heading("proposal", "proposal", wraps=True),
)
_RECOUNTED = (
    Heading("name", "number"),
    Heading("kept", "kept", number=True),
    Heading("again", "again", number=True),
    Heading("agrees", "agrees"),
)
_CHECKS = (
    Heading("rule", "rule"),
    Heading("dimension", "dimension"),
    Heading("unexpected", "unexpected", number=True),
    Heading("total", "of", number=True),
)


@click.group()
def command() -> None:
    """List, show, approve, refuse or withdraw deliveries.

    DELIVERY is the form in which deliveries are listed, or any beginning of it, or of its digest, that means
    one delivery only. A decision needs a name and a reason, and both stay in the ledger for good.
    """


@command.command("list")
@click.option("--verdict", type=click.Choice(VERDICTS), help="Only deliveries with this verdict.")
@click.option("--dataset", type=DATASET, help="Only this dataset's deliveries.")
@format_option
@pass_session
def list_deliveries(session: Session, verdict: str | None, dataset: DatasetId | None) -> None:
    """List deliveries, their verdicts and the reasons.

    One that was pulled and is not loaded yet has no verdict: it is listed as pending, without counts. Where
    files of one dataset are damaged, the deliveries of the others are listed before that is told.

    \b
    Examples:
      shanhai delivery list --verdict held
      shanhai delivery list --verdict pending --dataset longyou.water_meters
    """
    from shanhai.errors import DamagedError, ShanhaiError

    declared(session, dataset)
    damaged: list[ShanhaiError] = []
    rows = [
        _listed(row)
        for row in session.ledger
        if verdict in (None, row.verdict) and dataset in (None, row.delivery.dataset)
    ]
    if verdict in (None, PENDING):
        for one in session.federation.datasets if dataset is None else (dataset,):
            try:
                rows += [_waiting(session, delivery) for delivery in pending_of(session, one)]
            except DamagedError as error:
                damaged.append(error)
    shown = rows if session.form == "json" else [_in_brief(row) for row in rows]
    kind = f"{verdict} delivery" if verdict else "delivery"
    show(shown, _LISTED, form=session.form, empty=f"No {kind}.")
    raise_last((*session.unbooked(dataset), *damaged))


def _in_brief(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "delivery": row["short"], "reason": brief(row["reason"] or "")}


@command.command("show")
@click.argument("delivery")
@format_option
@pass_session
def show_delivery(session: Session, delivery: str) -> None:
    """Show counts, broken checks and history of one.

    \b
    Example:
      shanhai delivery show longyou.hazards/2024-03-02
    """
    from shanhai.ingest.records import Staging, Validation, read_record, read_staging, read_validation
    from shanhai.report.read_books import read_history

    chosen = chosen_delivery(session, delivery)
    session.require_booked(chosen.dataset)
    booked = next((row for row in session.ledger if row.delivery == chosen), None)
    row = {**(_listed(booked) if booked else _waiting(session, chosen)), **_cursor(session, chosen)}
    if booked:
        staging = read_record(session.node, chosen, booked.staging, Staging)
        validation = read_record(session.node, chosen, booked.staging, Validation)
    else:
        staging, validation = read_staging(session.node, chosen), read_validation(session.node, chosen)
    if staging and staging.not_yet:
        row["not_given_yet"] = list(staging.not_yet)
    checks = _broken(staging, validation)
    findings = [finding.model_dump() for finding in validation.findings] if validation else []
    differences = validation.differences if validation else ()
    entries = [
        {**dict(vars(entry), delivery=str(entry.delivery)), "counts": vars(entry.counts)}
        for entry in read_history(session.node, chosen)
    ]
    if session.form == "json":
        told = [difference.model_dump(mode="json") for difference in differences]
        shown = {"differences": told, "broken_checks": checks, "findings": findings, "entries": entries}
        show_json({**row, **shown})
        return
    fields({key: value for key, value in row.items() if key != "short"})
    if differences:
        section("Difference")
        show([_different(difference) for difference in differences], _DIFFERENCES, form="table", empty="")
    section("Broken checks")
    show(checks, _CHECKS, form="table", empty="No check is broken.")
    if findings:
        section("Implausible")
        show(findings, _FINDINGS, form="table", empty="")
    section("Entries in the ledger")
    show(entries, _ENTRIES, form="table", empty="No entry.")


def _broken(staging: Staging | None, validation: Validation | None) -> list[dict[str, Any]]:
    """The checks that rows broke; first the reasons why records are none, which no rule counts."""
    from shanhai.quality.scorecard import INDICATORS

    malformed = staging.malformed if staging else {}
    of_records = [
        {
            "rule": f"malformed.{reason}",
            "dimension": INDICATORS["whole_records"],
            "sql": None,
            "unexpected": rows,
            "total": staging.rows_in if staging else None,
            "success": False,
        }
        for reason, rows in sorted(malformed.items())
        if rows
    ]
    checks = validation.checks if validation else ()
    return [*of_records, *(check.model_dump() for check in checks if not check.success)]


def _different(difference: Difference) -> dict[str, Any]:
    proposal = difference.proposal
    changes = {} if proposal is None else proposal.model_dump(mode="json", exclude={"action"})
    changes |= changes.pop("settings", {})
    said = ", ".join(f"{key} {cell(value)}" for key, value in changes.items() if value not in ([], ""))
    action = proposal.action.replace("_", " ") if proposal else "none: ask the source"
    return {
        "text": difference.text,
        "certainty": difference.certainty,
        "proposal": f"{action}: {said}" if said else action,
    }


def _decision(verb: Verb) -> Verb:
    """What every decision needs: the delivery, who decides, and why."""
    verb = click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the ledger.")(verb)
    verb = click.option("--by", required=True, metavar="NAME", help="Who decides; kept in the ledger.")(verb)
    return click.argument("delivery")(format_option(verb))


@command.command("recount")
@click.argument("delivery")
@format_option
@pass_session
def recount_delivery(session: Session, delivery: str) -> None:
    """Stage DELIVERY again from its bytes, and compare the counts.

    They are compared with what was booked. Nothing is changed: the bytes are read into a scratch folder.
    Ends with code 65 when a number differs or the lake holds a row of the delivery that its snapshot
    does not have.

    \b
    Example:
      shanhai delivery recount longyou.hazards/2024-03-01
    """
    from shanhai.errors import DataError
    from shanhai.ingest.recount import recount

    outcome = recount(session.node, chosen_delivery(session, delivery))
    lines = [{**vars(line), "agrees": line.agrees} for line in outcome.lines]
    if session.form == "json":
        facts = {"delivery": str(outcome.delivery), "comparable": outcome.comparable}
        show_json({**facts, "agrees": outcome.agrees, "lines": lines})
    elif not outcome.comparable:
        say("The record of its staging or the contract of then is lost: it was not staged again.")
    else:
        show(lines, _RECOUNTED, form="table", empty="")
    if not outcome.agrees:
        raise DataError(
            "the bytes do not give what was booked",
            given=[line.name for line in outcome.lines if not line.agrees],
            allowed="the same numbers",
            hint="shanhai report verify --deep looks at everything",
        )


@command.command("approve")
@_decision
@build_option
@pass_session
def approve(session: Session, delivery: str, by: str, reason: str, now: bool) -> None:
    """Load the good rows of a held or refused delivery.

    Those of a withdrawn one come back the same way.

    \b
    Example:
      shanhai delivery approve longyou.hazards/2024-03-02 --by "Li Wei" --reason "festival, volume is real"
    """
    _decide(session, delivery, "approve", by, reason, now=now)


@command.command("refuse")
@_decision
@pass_session
def refuse(session: Session, delivery: str, by: str, reason: str) -> None:
    """Keep a held delivery out of the lake.

    Its good rows stay withheld. What is accepted already is withdrawn instead. One that is pending is refused
    so where no check of it ends, and its dataset goes on.

    \b
    Example:
      shanhai delivery refuse longyou.hazards/2024-03-02 --by "Li Wei" --reason "sent twice by mistake"
    """
    _decide(session, delivery, "refuse", by, reason)


@command.command("withdraw")
@_decision
@build_option
@pass_session
def withdraw(session: Session, delivery: str, by: str, reason: str, now: bool) -> None:
    """Take the rows of a delivery out of the lake again.

    Rows that had lost to them come back. Publications that are out keep them; the next one is without them.

    \b
    Example:
      shanhai delivery withdraw longyou.hazards/2024-03-01 --by "Li Wei" --reason "recalled by the district"
    """
    _decide(session, delivery, "withdraw", by, reason, now=now)


def _decide(
    session: Session, text: str, action: Action, by: str, reason: str, *, now: bool | None = None
) -> None:
    from shanhai.ingest.already import AlreadySoError
    from shanhai.ingest.decide import decide

    chosen, already = chosen_delivery(session, text, decides=True), None
    try:
        decide(session.node, chosen, action, by=by, reason=reason)
    except AlreadySoError as error:
        already = error
        say_already(error)
    session.forget_ledger()
    _ = session.ledger
    session.require_booked(chosen.dataset)
    row = next(row for row in session.ledger if row.delivery == chosen)
    counts = row.counts
    if already is None:
        say(
            f"{chosen.short} is {row.verdict}: {counts.loaded:,} loaded, {counts.superseded:,} superseded, "
            f"{counts.withheld:,} withheld."
        )
    if now or (now is not None and already is None):
        follow(session, now=now)
    if session.form == "json":
        show_json({**_listed(row), "already": already is not None})


def _waiting(session: Session, delivery: DeliveryId) -> dict[str, Any]:
    """A delivery without a verdict, under the keys of those that have one; what is not known is None."""
    from shanhai.ingest.records import read_staging, read_validation
    from shanhai.ingest.sidecar import sidecar

    staged = read_staging(session.node, delivery) is not None
    step = "checked" if read_validation(session.node, delivery) else "staged" if staged else "pulled"
    return {
        "delivery": str(delivery),
        "district": delivery.dataset.district,
        "dataset": delivery.dataset.name,
        "partition": delivery.partition,
        "snapshot_sha256": delivery.snapshot,
        "contract_version": sidecar(session.node, delivery).contract_version,
        **dict.fromkeys(COUNTS),
        "verdict": PENDING,
        "short": delivery.short,
        "reason": f"{step}, not loaded yet",
        "decided_by": "",
    }


def _cursor(session: Session, delivery: DeliveryId) -> dict[str, str]:
    """How far a delivery reads its source; nothing where the source is not incremental."""
    from shanhai.errors import NotFoundError
    from shanhai.ingest.sidecar import sidecar

    try:
        cursor = sidecar(session.node, delivery).cursor
    except NotFoundError:
        return {}
    return {} if cursor is None else {"cursor": cursor}


def _listed(row: LedgerRow) -> dict[str, Any]:
    return {**record(row), "short": row.delivery.short, "reason": row.reason, "decided_by": row.decided_by}
