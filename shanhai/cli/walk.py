"""`shanhai walk`: a dataset's whole way into the lake, without Airflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from zoneinfo import ZoneInfo

import click

from shanhai.cli.output import Heading, brief, say, show
from shanhai.cli.selection import DATASET, check_windows, declared, has_windows
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError
from shanhai.ids import DatasetId, DeliveryId

DAY = click.DateTime(["%Y-%m-%d"])
STEPS = ("pull", "stage", "check", "load")
_HEADINGS = (
    Heading("short", "delivery", wraps=True),
    Heading("rows_in", "rows in", number=True),
    Heading("loaded", "loaded", number=True),
    Heading("quarantined", "quarantined", number=True),
    Heading("verdict", "verdict"),
    Heading("reason", "reason", wraps=True),
)


@click.command()
@click.argument("datasets", nargs=-1, type=DATASET, metavar="[DATASET]…")
@click.option("--all", "every", is_flag=True, help="Every dataset of the federation.")
@click.option(
    "--window", "chosen", multiple=True, metavar="KEY", help="Window to pull, repeatable.  [default: all]"
)
@click.option("--from", "first", type=DAY, help="First day of a range of windows.")
@click.option("--to", "last", type=DAY, help="Its last day.  [default: the calendar's end, else today]")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=1_000,
    show_default=True,
    help="Windows of a range at most, of all datasets together.",
)
@click.option("--until", type=click.Choice(STEPS), default="load", show_default=True, help="The last step.")
@format_option
@pass_session
def command(
    session: Session,
    datasets: tuple[DatasetId, ...],
    every: bool,
    chosen: tuple[str, ...],
    first: datetime | None,
    last: datetime | None,
    limit: int,
    until: str,
) -> None:
    """Take datasets through pull, stage, check and load.

    Without --window or --from, a closed calendar is pulled whole. A range may begin before the calendar and
    end after it, but no later than today; how many windows it has is said before the first one is pulled, and
    more than --limit are refused. Of --all or a range, datasets that have no windows are pulled as they are.

    Each step is skipped where it is already done, so a walk that was stopped is simply taken again. A
    delivery that fails does not stop the others: the code at the end is that of the first failure. A held
    delivery is no failure; it waits for `shanhai delivery approve` or `refuse`.

    \b
    Examples:
      shanhai walk longyou.water_meters --window 2024-03-01
      shanhai walk longyou.water_meters --from 2024-03-01 --to 2024-03-31
      shanhai walk --all
      shanhai walk gongshu.noise --until check       see the verdict, load nothing
    """
    session.makes_home = True
    steps = STEPS[: STEPS.index(until) + 1]
    lines: list[dict[str, object]] = []
    failures: list[Exception] = []
    wanted = _wanted(session, datasets, every)
    for dataset in datasets:
        check_windows(session, dataset, chosen)
    asked_of = {dataset: _windows(session, dataset, chosen, first, last) for dataset in wanted}
    if first or last:
        _check_number(asked_of, limit)
    for dataset, asked in asked_of.items():
        walked, failed = _walk(session, dataset, asked, steps)
        lines += walked
        failures += failed
    if lines or not failures or session.form == "json":
        if session.form == "table":
            lines = [{**line, "reason": brief(str(line["reason"] or ""))} for line in lines]
        show(lines, _HEADINGS, form=session.form, empty="Nothing new: every delivery has its verdict.")
    if failures:
        raise failures[0]


def _walk(
    session: Session, dataset: DatasetId, chosen: tuple[str | None, ...], steps: tuple[str, ...]
) -> tuple[list[dict[str, object]], list[Exception]]:
    """Take one dataset through the steps; what became of its pending deliveries, and what failed."""
    from shanhai.ingest import walk
    from shanhai.ingest.pending import pending

    node, failures = session.node, list[Exception]()

    def tried(step: str, work: Callable[[], object], what: str = "") -> None:
        say(f"{step:<6} {dataset}{what}")
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told at the end; the other datasets have their turn
            failures.append(error)

    for window in chosen:
        tried("pull", partial(walk.pull_step, node, dataset, window), f"  {window}" if window else "")
    waiting = pending(node, dataset)
    further = {"stage": walk.stage_step, "check": walk.check_step, "load": walk.load_step}
    for step in steps[1:]:
        if waiting:
            tried(step, partial(further[step], node, dataset))
    session.forget_ledger()
    became = [_became(session, delivery) for delivery in waiting]
    if waiting:
        failures += session.unbooked(dataset)
    return became, failures


def _became(session: Session, delivery: DeliveryId) -> dict[str, object]:
    """What is known of a delivery by now: the books, else the check, else the staging."""
    from shanhai.ingest.records import read_staging, read_validation

    name = {"delivery": str(delivery), "short": delivery.short}
    booked = next((row for row in session.ledger if row.delivery == delivery), None)
    if booked is not None:
        return {**name, **booked.as_dict(), "reason": booked.reason}
    staging, validation = read_staging(session.node, delivery), read_validation(session.node, delivery)
    counts = staging.model_dump(include={"rows_in", "quarantined"}) if staging else {}
    if validation is None:
        return {**name, **counts, "verdict": None, "reason": "not checked yet"}
    reasons = "; ".join(validation.reasons)
    return {
        **name,
        **counts,
        "verdict": validation.verdict,
        "reason": f"not loaded yet; {reasons}".rstrip("; "),
    }


def _wanted(session: Session, datasets: tuple[DatasetId, ...], every: bool) -> tuple[DatasetId, ...]:
    if every == bool(datasets):
        named = ", ".join(map(str, datasets))
        raise ConfigurationError(
            "name datasets, or all of them with --all",
            given=f"--all, and {named}" if named else "nothing",
            allowed="one of the two",
            hint="leave out --all, or the names" if named else "`shanhai contract list` names the datasets",
        )
    if every:
        return session.federation.datasets
    declared(session, *datasets)
    return tuple(dict.fromkeys(datasets))


def _windows(
    session: Session,
    dataset: DatasetId,
    chosen: tuple[str, ...],
    first: datetime | None,
    last: datetime | None,
) -> tuple[str | None, ...]:
    """The windows to pull; None is what a pull without a window asks for.

    Days after today are left out of a range, and that is said: nothing is published of them yet.

    Raises:
        ConfigurationError: the range is no range or has not begun, or windows are named as well.
    """
    from shanhai.contracts.partitions import asks_for_windows, windows_between

    if first is None and last is None:
        # Of --all, those without windows are pulled as they are.
        return (chosen if has_windows(session, dataset) else ()) or (None,)
    if chosen:
        raise ConfigurationError("give windows or a range of days", given="--window and a range")
    contract = session.federation.contract(dataset)
    if not asks_for_windows(contract):
        return (None,)
    schedule = contract.schedule
    today = session.node.clock().astimezone(ZoneInfo(contract.time_zone)).date()
    begin = first.date() if first else date.fromisoformat(str(schedule.start))
    end = last.date() if last else date.fromisoformat(schedule.end) if schedule.end else today
    if begin > end:
        raise ConfigurationError("the range ends before it begins", given=f"{begin} to {end}")
    if begin > today:
        raise ConfigurationError(
            "nothing of the range is published yet",
            given=f"{dataset}: {begin} to {end}",
            allowed=f"days up to {today}, today where the data are made",
            hint="a window that is published ahead is named by itself: --window",
        )
    found = windows_between(contract, begin, min(end, today))
    ahead = f"; days after {today} are left out" if end > today else ""
    say(f"range  {dataset}  {len(found):,} windows, {found[0]} to {found[-1]}{ahead}")
    return found


def _check_number(asked_of: Mapping[DatasetId, tuple[str | None, ...]], limit: int) -> None:
    """Make sure that nobody begins thousands of windows by a slip in a year.

    Raises:
        ConfigurationError: there are more than are allowed.
    """
    number = sum(len(asked) for asked in asked_of.values())
    if number > limit:
        raise ConfigurationError(
            "the range has more windows than are pulled unasked; nothing was begun",
            given=f"{number:,} windows",
            allowed=f"up to {limit:,}",
            hint=f"if all of them are meant: --limit {number}",
        )
