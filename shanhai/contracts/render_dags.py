"""`dags/datasets.json`: all that the DAG files know of the contracts, one frozen set of knobs a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shanhai.contracts.federation import Federation
from shanhai.contracts.model import Contract, Feed, Format, Schedule

FILE = Path("dags") / "datasets.json"

RETRIES = 3
RETRY_SECONDS = 20.0


def render(federation: Federation) -> dict[Path, str]:
    """One file for the federation: a list of knobs in the order of the datasets."""
    document = {
        "generated": "by shanhai generate; do not edit",
        "datasets": [knobs(contract) for contract in federation.contracts.values()],
    }
    return {FILE: json.dumps(document, ensure_ascii=False, indent=2) + "\n"}


def knobs(contract: Contract) -> dict[str, Any]:
    """What the DAG of one dataset needs, as JSON values; the fields of `dag_factories.knobs.Knobs`."""
    dataset, schedule = contract.dataset, contract.schedule
    return {
        "dag_id": f"{dataset.district}__{dataset.name}",
        "dataset": str(dataset),
        "title": contract.title,
        "docs": _docs(contract),
        "cron": schedule.cron,
        "time_zone": contract.time_zone,
        "window": schedule.window,
        "start": schedule.start,
        "end": schedule.end,
        "due_hours": schedule.due_hours,
        "retries": RETRIES,
        "retry_seconds": RETRY_SECONDS,
        "tags": sorted(_tags(contract)),
    }


def _tags(contract: Contract) -> set[str]:
    tags = {"dataset", contract.dataset.district, contract.level, contract.share_class}
    return tags | {feed.shape for feed in contract.feeds}


def _docs(contract: Contract) -> str:
    """The DAG's page in the web UI, in Markdown."""
    facts = {
        "Dataset": f"`{contract.dataset}`, contract {contract.version} ({contract.status})",
        "Source": f"`{contract.source.connector}` from endpoint `{contract.source.endpoint}`",
        "Format": _format(contract.format),
        "Calendar": _calendar(contract.schedule, contract.time_zone),
        "Delivery": f"per {contract.delivery.per}, partition by {contract.delivery.partition.by}",
        "Versions of a key": contract.versions.rule
        + (f" by `{contract.versions.by}`" if contract.versions.by else ""),
        "Duplicates": f"sought in: {contract.duplicates}",
        "Tolerance": f"held above {contract.tolerance.hold:.1%} bad rows,"
        f" refused above {contract.tolerance.refuse:.1%}",
        "Level, sharing": f"{contract.level}, {contract.share_class}",
        "Licence": contract.licence or "not stated",
        "Feeds": _feeds(contract.feeds),
    }
    return "\n".join(
        [
            f"# {contract.title}",
            "",
            contract.description.strip(),
            "",
            *(f"- **{name}**: {value}" for name, value in facts.items()),
            "",
            "| column | type | required | key | title |",
            "|---|---|---|---|---|",
            *(
                f"| `{column.name}` | {column.type} | {_yes(column.required)} "
                f"| {_yes(column.name in contract.key)} | {_cell(column.title or column.source)} |"
                for column in contract.columns
            ),
        ]
    )


def _format(fmt: Format) -> str:
    return f"{fmt.kind}, {fmt.encoding}" if hasattr(fmt, "encoding") else fmt.kind


def _calendar(schedule: Schedule, zone: str) -> str:
    if schedule.cron is None:
        return "on request"
    days = f"from {schedule.start or 'now on'}" + (f" to {schedule.end}" if schedule.end else "")
    due = f", late after {schedule.due_hours:g} h" if schedule.due_hours else ""
    return f"`{schedule.cron}` in {zone}, {days}{due}"


def _feeds(feeds: tuple[Feed, ...]) -> str:
    shapes = dict.fromkeys(feed.shape for feed in feeds)
    return ", ".join(f"`{shape}`" for shape in shapes) or "no canonical shape"


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
