"""`shanhai lineage`: from a mart back to the bytes that were pulled, and from a delivery to the marts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shanhai.cli.output import Heading, fields, say, section, show, show_document, show_json
from shanhai.cli.selection import find_delivery
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.ids import DatasetId, DeliveryId

if TYPE_CHECKING:
    from shanhai.ingest.sidecar import BodyRef
    from shanhai.lineage.trace import DeliveryPart, TablePart, Tracer

_DELIVERIES = (
    Heading("delivery", "delivery", wraps=True),
    Heading("loaded", "rows there", number=True),
    Heading("bodies", "files", number=True),
    Heading("table_version", "table version", number=True),
)
_BODIES = (
    Heading("name", "file"),
    Heading("sha256", "sha256", wraps=True),
    Heading("size", "bytes", number=True),
    Heading("origin", "origin", wraps=True),
)
_USES = (
    Heading("publication", "publication", number=True),
    Heading("mart", "mart"),
    Heading("version", "version", number=True),
)


@click.group()
def command() -> None:
    """Follow marts back to their snapshots, or export OpenLineage."""


@command.command("show")
@click.argument("thing")
@click.option("--publication", type=int, help="The publication to look at.  [default: the newest]")
@format_option
@pass_session
def show_lineage(session: Session, thing: str, publication: int | None) -> None:
    """Show what THING rests on: a mart, a dataset, or a delivery.

    Of a mart: the tables at the versions that were read, the deliveries with rows in them, and the SHA-256 of
    every file behind those. Of a dataset: the deliveries in its newest version. Of a delivery: its files, and
    the publications whose marts read it.

    \b
    Examples:
      shanhai lineage show fct_event
      shanhai lineage show longyou.water_meters
      shanhai lineage show longyou.hazards/2024-03-01 --format json
    """
    from shanhai.lineage.trace import Tracer

    tracer = Tracer(session.node)
    if "/" in thing:
        _show(session, _delivery(session, tracer, thing))
    elif "." in thing:
        dataset = DatasetId.parse(thing)
        session.federation.contract(dataset)
        _show(session, {"dataset": thing, **_table(tracer.table(dataset))})
    else:
        _show(session, _mart(tracer, thing, publication))


@command.command("export")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write.  [default: standard output]",
)
@pass_session
def export(session: Session, out: Path | None) -> None:
    """Write every OpenLineage event as one line of JSON, by time.

    The events lie in the folder lineage/ of the home, one file a delivery and one a publication, and are
    brought up to the books first. Send the lines to any collector that takes OpenLineage.

    \b
    Example:
      shanhai lineage export --out /tmp/lineage.ndjson
    """
    import json

    from shanhai.ingest.files import write_whole
    from shanhai.lineage.files import keep_lineage, read_events

    keep_lineage(session.node)
    lines = [json.dumps(event, ensure_ascii=False, sort_keys=True) for event in read_events(session.node)]
    document = "".join(f"{line}\n" for line in lines)
    if out is None:
        show_document(document, instead="--out FILE")
        return
    write_whole(out, document)
    say(f"{len(lines):,} events written.")


def _mart(tracer: Tracer, name: str, number: int | None) -> dict[str, Any]:
    trace = tracer.mart(name, number)
    return {
        "mart": trace.mart.name,
        "version": trace.mart.version,
        "rows": trace.mart.rows,
        "digest": trace.mart.digest,
        "publication": trace.publication.number,
        "publication_id": trace.publication.publication_id,
        "books": [{"table": table, "version": version} for table, version in trace.books],
        "tables": [{"dataset": str(part.dataset), **_table(part)} for part in trace.tables],
    }


def _table(part: TablePart) -> dict[str, Any]:
    return {
        "table_version": part.version,
        "rows": part.rows,
        "deliveries": [_part(delivery) for delivery in part.deliveries],
    }


def _part(part: DeliveryPart) -> dict[str, Any]:
    return {
        "delivery": str(part.delivery),
        "loaded": part.loaded,
        "pulled_at": part.pulled_at,
        "bodies": [_body(body) for body in part.bodies],
    }


def _body(body: BodyRef) -> dict[str, Any]:
    return {"name": body.name, "sha256": body.sha256, "size": body.size, "origin": body.origin}


def _delivery(session: Session, tracer: Tracer, text: str) -> dict[str, Any]:
    known = [DeliveryId.parse(one) for name in session.federation.datasets for one in tracer.sidecars(name)]
    delivery = find_delivery(known, text)
    source = tracer.sidecars(delivery.dataset)[str(delivery)]
    return {
        "delivery": str(delivery),
        "snapshot_sha256": delivery.snapshot,
        "pulled_at": source.pulled_at,
        "bodies": [_body(body) for body in source.bodies],
        "table_versions": [
            booking.version
            for booking in tracer.bookings(delivery.dataset)
            if booking.entry.delivery == str(delivery)
        ],
        "marts": [
            {
                "publication": publication.number,
                "mart": mart,
                "version": next(one.version for one in publication.marts if one.name == mart),
            }
            for publication, mart in tracer.uses(delivery)
        ],
    }


def _show(session: Session, found: dict[str, Any]) -> None:
    if session.form == "json":
        show_json(found)
        return
    fields({name: value for name, value in found.items() if not isinstance(value, list)})
    if "tables" in found or "deliveries" in found:
        rows = [
            {
                "delivery": DeliveryId.parse(part["delivery"]).short,
                "loaded": part["loaded"],
                "bodies": len(part["bodies"]),
                "table_version": table["table_version"],
            }
            for table in found.get("tables", [found])
            for part in table["deliveries"]
        ]
        section("Deliveries")
        show(rows, _DELIVERIES, form="table", empty="No delivery has rows in it.")
    if "bodies" in found:
        section("Files")
        show(found["bodies"], _BODIES, form="table", empty="No file is known.")
        section("Marts")
        show(found["marts"], _USES, form="table", empty="No published mart rests on it.")
