"""`shanhai replay`: judge accepted deliveries again by the contract as it is now."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from shanhai.cli.output import Heading, say, section, show, show_json
from shanhai.cli.selection import DATASET, declared, find_delivery
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError, ShanhaiError
from shanhai.ids import DatasetId, DeliveryId

if TYPE_CHECKING:
    from shanhai.ingest.replay import Replayed

_COUNTS = (
    Heading("short", "delivery", wraps=True),
    Heading("name", "count"),
    Heading("before", "in the books", number=True),
    Heading("after", "by the contract now", number=True),
)


@click.command()
@click.argument("deliveries", nargs=-1, metavar="[DELIVERY]…")
@click.option("--dataset", type=DATASET, help="The deliveries of this dataset that are behind.")
@click.option("--all-behind", "every", is_flag=True, help="Those of every dataset.")
@click.option("--dry-run", is_flag=True, help="Tell what would change, and change nothing.")
@click.option("--by", default="", metavar="NAME", help="Who wants what the gate would hold.")
@click.option("--reason", default="", metavar="TEXT", help="Why; both are kept in the ledger.")
@format_option
@pass_session
def command(
    session: Session,
    deliveries: tuple[str, ...],
    dataset: DatasetId | None,
    every: bool,
    dry_run: bool,
    by: str,
    reason: str,
) -> None:
    """Judge accepted deliveries again by the contract as it is now.

    A delivery is behind when it was judged by a contract that said something else of rows. Refused rows that
    the contract lets through by now enter the lake, rows that it no longer lets through leave it, in one
    commit; where nothing would change, that is noted once. Damaged files, staged, in quarantine or of the
    table, are made again.

    A delivery that the gate would refuse stays as it is, and so does one that it would hold, unless a person
    wants it with --by and --reason, or approved it before and the gate has nothing else against it than
    then. One that cannot be replayed does not stop the others.

    \b
    Examples:
      shanhai replay --all-behind --dry-run
      shanhai replay --dataset longyou.water_meters
      shanhai replay longyou.hazards/2024-03-02 --by "Li Wei" --reason "the new codes are right"
    """
    if (bool(deliveries) + (dataset is not None) + every) != 1 or bool(by) != bool(reason):
        raise ConfigurationError(
            "name deliveries, or a dataset, or all that are behind; a person has a name and a reason",
            allowed="DELIVERY…, --dataset D or --all-behind; --by with --reason",
        )
    chosen, unread = _chosen(session, deliveries, dataset)
    found, failures = _replayed(session, chosen, dry_run=dry_run, by=by, reason=reason)
    session.forget_ledger()
    if session.form == "json":
        show_json([outcome(one) for one in found])
    elif not chosen and not unread:
        say("Nothing is behind its contract.")
    else:
        show_outcome(found, dry_run=dry_run, failed=len(failures))
    for failure in (*unread, *failures):
        raise failure


def _chosen(
    session: Session, texts: tuple[str, ...], dataset: DatasetId | None
) -> tuple[list[DeliveryId], list[ShanhaiError]]:
    """The deliveries to replay, and why those of a dataset could not be listed."""
    from shanhai.ingest.behind import behind

    if texts:
        known = [row.delivery for row in session.ledger]
        return [find_delivery(known, text) for text in texts], []
    declared(session, dataset)
    chosen: list[DeliveryId] = []
    unread: list[ShanhaiError] = []
    for one in session.federation.datasets if dataset is None else (dataset,):
        try:
            chosen += behind(session.node, one)
        except ShanhaiError as error:
            unread.append(error)
            say(f"passed over: {one}")
    return chosen, unread


def _replayed(
    session: Session, chosen: list[DeliveryId], *, dry_run: bool, by: str, reason: str
) -> tuple[list[Replayed], list[ShanhaiError]]:
    from shanhai.ingest.replay import replay

    node = session.node.with_logs(*{delivery.dataset for delivery in chosen})
    found: list[Replayed] = []
    failures: list[ShanhaiError] = []
    for place, delivery in enumerate(chosen, start=1):
        say(f"{place} of {len(chosen)}  {delivery.short}")
        try:
            one = replay(node, delivery, by=by, reason=reason, dry_run=dry_run)
            # The first one of a round settles the table, and by then nothing of it is left for the others.
            settled = {known.delivery.dataset for known in found if known.settles}
            found.append(replace(one, settles=one.settles and delivery.dataset not in settled))
        except ShanhaiError as error:
            if len(chosen) > 1:
                say(str(error))
            failures.append(error)
    return found, failures


def show_outcome(found: list[Replayed], *, dry_run: bool, failed: int = 0) -> None:
    """The counts that are others, and how many deliveries changed, or cannot be replayed."""
    lines = [{**vars(count), "short": one.delivery.short} for one in found for count in one.counts]
    changed = sum(one.changes for one in found)
    verb = "would change" if dry_run else "changed"
    show(lines, _COUNTS, form="table", empty="No count differs." if changed else "Nothing differs.")
    for parts, number in Counter(one.differs_in for one in found if one.differs and not one.counts).items():
        say(f"With the same counts {number} {'differs' if number == 1 else 'differ'} in {_listed(parts)}.")
    for one in found:
        if one.settles:
            does = "would be" if dry_run else "was"
            say(f"{one.delivery.dataset} {does} settled anew: another rule for key, copies or versions.")
    refused = f", {failed} cannot be replayed" if failed else ""
    section(f"{changed} of {len(found) + failed} deliveries {verb}{refused}")
    alike = sum(one.entry is not None and not one.changes for one in found)
    if alike:
        say(f"Judged alike by the contract as it is now, which the ledger says: {alike}.")
    mended = [one.delivery.short for one in found if one.mended]
    if mended:
        say(f"{'Damaged' if dry_run else 'Made again'}: files of {', '.join(mended)}.")
    if changed and not dry_run:
        say("Next: shanhai build && shanhai publish, for the marts to follow.")


def _listed(parts: tuple[str, ...]) -> str:
    return " and ".join(", ".join(parts).rsplit(", ", 1))


def outcome(one: Replayed) -> dict[str, Any]:
    """One delivery judged again, as it is given to other programs."""
    return {
        "delivery": str(one.delivery),
        "contract_version": one.contract_version,
        "changes": one.changes,
        "differs_in": list(one.differs_in),
        "settles": one.settles,
        "committed": one.entry is not None,
        "mended": one.mended,
        "counts": [vars(count) for count in one.counts],
    }


def unchanged(delivery: DeliveryId) -> dict[str, Any]:
    """The same of a delivery that was not judged again, since there was nothing to decide."""
    nothing = {"changes": False, "differs_in": [], "settles": False, "committed": False, "mended": False}
    return {"delivery": str(delivery), "contract_version": None, **nothing, "counts": []}
