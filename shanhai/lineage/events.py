"""What the books know, as OpenLineage run events: the same facts always give the same events.

Specification: https://openlineage.io/spec/2-0-2/OpenLineage.json. No run is observed while it happens: each
event is derived from a sidecar, a record of staging or checking, a commit or a publication. So a run starts
and completes at the one instant that is kept of it, and its id follows from what it worked on.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shanhai.ingest.records import Staging, Validation
from shanhai.ingest.sidecar import BodyRef, Sidecar, body_key
from shanhai.lineage.trace import Booking
from shanhai.warehouse.publications import Publication, PublishedMart

if TYPE_CHECKING:
    from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset, RunEvent

PRODUCER = "urn:shanhai:lineage"
JOBS = "shanhai"
SNAPSHOTS, STAGED, LAKE, MARTS = "shanhai:snapshots", "shanhai:staged", "shanhai:lake", "shanhai:marts"
_IDS = uuid.uuid5(uuid.NAMESPACE_URL, PRODUCER)

Event = dict[str, Any]
"""One run event as JSON."""


@dataclass(frozen=True)
class _Run:
    """One run: its job, the key from which its id follows, and when."""

    job: str
    key: str
    at: datetime

    @property
    def id(self) -> str:
        return str(uuid.uuid5(_IDS, f"{self.job} {self.key}"))


def of_delivery(
    source: Sidecar,
    stagings: Sequence[Staging],
    validations: Sequence[Validation],
    bookings: Sequence[Booking],
) -> Iterator[Event]:
    """The events of one delivery, in the order of the walk: pull, stage, check, and a load for each commit.

    Args:
        stagings, validations: the records of those that its entries name, in that order.
        bookings: the delivery's own entries, oldest first. Without one, only the pull is told: what staging
            and checking found counts once it is in the books.
    """
    dataset = source.id.dataset
    yield from _told(
        _Run(f"pull/{dataset}", source.delivery, source.pulled_at),
        [_input(*_place(body)) for body in source.bodies],
        [_snapshot(body) for body in source.bodies],
    )
    booked = {booking.entry.staging: booking.at for booking in reversed(bookings)}
    for staging in stagings:
        run = _Run(f"stage/{dataset}", f"{source.delivery} {staging.staging}", booked[staging.staging])
        yield from _told(
            run,
            [_input(SNAPSHOTS, body_key(body.sha256)) for body in source.bodies],
            _staged(source, staging),
        )
    for validation in validations:
        run = _Run(f"check/{dataset}", f"{source.delivery} {validation.staging}", booked[validation.staging])
        yield from _told(run, [_checked(source, validation)], [], {"verdict": validation.verdict})
    for booking in bookings:
        yield from _booked(source, booking)


def of_publication(publication: Publication, fresh: Sequence[PublishedMart]) -> Iterator[Event]:
    """The events of one publication: a build for each mart that got a new version, and the publication.

    Args:
        fresh: its marts that no earlier publication names in the same version.
    """
    at = publication.published_at
    for mart in fresh:
        sources = publication.sources_of(mart.name)
        inputs = [_versioned(_input(LAKE, table), version) for table, version in sources]
        output = _versioned(_output(MARTS, mart.name, rows=mart.rows), mart.version)
        run = _Run(f"build/{mart.name}", f"{publication.publication_id} {mart.version}", at)
        yield from _told(run, inputs, [output], {"digest": mart.digest, "publication": publication.number})
    yield from _told(
        _Run("publish", publication.publication_id, at),
        [_versioned(_input(MARTS, mart.name), mart.version) for mart in publication.marts],
        [_versioned(_output(LAKE, "_system.publications", rows=1), publication.number)],
        {"publication": publication.number},
    )


def key_of(event: Event) -> tuple[str, str]:
    """What tells events apart: the run and the transition."""
    return event["run"]["runId"], event["eventType"]


def _booked(source: Sidecar, booking: Booking) -> Iterator[Event]:
    entry, dataset = booking.entry, source.id.dataset
    facts = {
        "kind": entry.kind,
        "verdict": entry.verdict,
        "contract_version": entry.contract_version,
        "by_a_person": bool(entry.decided_by),
        **vars(entry.counts),
    }
    table = _versioned(_output(LAKE, str(dataset), rows=max(entry.loaded, 0)), booking.version)
    yield from _told(
        _Run(f"load/{dataset}", f"{source.delivery} {booking.version}", booking.at),
        [_input(STAGED, _good_file(source, entry.staging))] if entry.staging else [],
        [table],
        facts,
    )


def _told(
    run: _Run,
    inputs: Sequence[InputDataset],
    outputs: Sequence[OutputDataset],
    facts: dict[str, Any] | None = None,
) -> Iterator[Event]:
    """The two events that a run has to have; the first names what goes in, the second also what came out."""
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import RunFacet, job_type_job
    from openlineage.client.serde import Serde

    kind = job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="SHANHAI", jobType=run.job.partition("/")[0], producer=PRODUCER
    )
    known: dict[str, RunFacet] = (
        {"shanhai_books": RunFacet(producer=PRODUCER).with_additional_properties(**facts)} if facts else {}  # type: ignore[dict-item]
    )

    def event(state: RunState) -> RunEvent:
        done = state is RunState.COMPLETE
        return RunEvent(
            eventTime=run.at.astimezone(UTC).isoformat(),
            eventType=state,
            run=Run(runId=run.id, facets=known if done else {}),
            job=Job(namespace=JOBS, name=run.job, facets={"jobType": kind}),
            inputs=list(inputs),
            outputs=list(outputs) if done else [],
            producer=PRODUCER,
        )

    for state in (RunState.START, RunState.COMPLETE):
        yield Serde.to_dict(event(state))


def _input(namespace: str, name: str) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset

    return InputDataset(namespace=namespace, name=name)


def _output(namespace: str, name: str, *, rows: int | None = None, size: int | None = None) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    counted = statistics.OutputStatisticsOutputDatasetFacet(rowCount=rows, size=size, producer=PRODUCER)
    return OutputDataset(namespace=namespace, name=name, outputFacets={"outputStatistics": counted})


def _versioned(dataset: Any, version: int | str) -> Any:
    from openlineage.client.facet_v2 import dataset_version_dataset

    facet = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(version), producer=PRODUCER)
    found: Dataset = dataset
    found.facets = {**(found.facets or {}), "version": facet}
    return found


def _snapshot(body: BodyRef) -> OutputDataset:
    output: OutputDataset = _versioned(
        _output(SNAPSHOTS, body_key(body.sha256), size=body.size), f"sha256:{body.sha256}"
    )
    return output


def _good_file(source: Sidecar, staging: str) -> str:
    return f"{source.id.key}/{staging}/good.parquet"


def _staged(source: Sidecar, staging: Staging) -> list[OutputDataset]:
    outputs = [_output(STAGED, _good_file(source, staging.staging), rows=staging.good)]
    if staging.quarantine_file is not None:
        refused = _output(STAGED, f"quarantine/{staging.quarantine_file}", rows=staging.quarantined)
        outputs.append(_versioned(refused, f"sha256:{staging.quarantine_sha256}"))
    return outputs


def _checked(source: Sidecar, validation: Validation) -> InputDataset:
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality

    checked = _input(STAGED, _good_file(source, validation.staging))
    assertions = [
        quality.Assertion(
            assertion=check.rule.rpartition(".")[2],
            success=check.success,
            column=check.rule.rpartition(".")[0] or None,
            name=check.rule,
            expected="0",
            actual=str(check.unexpected),
            params={"dimension": check.dimension, "checked": check.total},
        )
        for check in validation.checks
    ]
    facet = quality.DataQualityAssertionsDatasetFacet(assertions=assertions, producer=PRODUCER)
    checked.inputFacets = {"dataQualityAssertions": facet}
    return checked


def _place(body: BodyRef) -> tuple[str, str]:
    """Where a body came from, by OpenLineage's rule: the authority is the namespace, the path the name."""
    parts = urlsplit(body.origin)
    if parts.scheme and parts.netloc:
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}", f"{parts.path}{query}" or "/"
    return "file", body.origin or body.name
