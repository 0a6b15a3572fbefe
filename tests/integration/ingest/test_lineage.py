"""Lineage follows from the books: valid events, each once, and the way from a mart to its snapshots."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

import attr
import jsonschema
import openlineage.client.event_v2 as event_v2
import pytest
from one_city import DATASET, HEADER, City
from openlineage.client.generated import (
    base,
    data_quality_assertions_dataset,
    dataset_version_dataset,
    job_type_job,
    output_statistics_output_dataset,
)

from shanhai.ingest.decide import decide
from shanhai.lineage.events import of_publication
from shanhai.lineage.files import folder, keep_lineage, read_events
from shanhai.lineage.trace import Tracer
from shanhai.warehouse.publications import Publication, PublishedMart

GOOD = "a,1,2024-03-01T00:00:00Z\nb,2,2024-03-01T00:00:00Z\n"
BAD = "c,-1,2024-03-01T00:00:00Z\n"
FACETS = {
    kind._get_schema(): kind
    for kind in (
        base.RunFacet,
        data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
        dataset_version_dataset.DatasetVersionDatasetFacet,
        job_type_job.JobTypeJobFacet,
        output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    )
}


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a class of openlineage-python, which are generated from the specification."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Union or str(origin) == "<class 'types.UnionType'>":
        return {"anyOf": [schema_of(one) for one in arguments if one is not type(None)]}
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    if isinstance(kind, type) and issubclass(kind, base.BaseFacet):
        return {"type": "object", "required": ["_producer", "_schemaURL"]}
    if attr.has(kind):
        hints = get_type_hints(kind)
        required = [field.name for field in attr.fields(kind) if field.default is attr.NOTHING]
        strict = not issubclass(kind, base.BaseEvent)
        return {
            "type": "object",
            "properties": {field.name: schema_of(hints[field.name]) for field in attr.fields(kind)},
            "required": [*required, *(["producer", "schemaURL"] if not strict else [])],
            "additionalProperties": not strict,
        }
    return {str: {"type": "string"}, int: {"type": "integer"}, bool: {"type": "boolean"}}.get(kind, {})


EVENT = schema_of(event_v2.RunEvent)


def check_valid(event: dict[str, Any]) -> None:
    """Validate an event, and each of its facets against the class that its `_schemaURL` names."""
    formats = {"runId": ("uuid", event["run"]["runId"]), "eventTime": ("date-time", event["eventTime"])}
    jsonschema.validate(event, EVENT)
    for name, (form, value) in formats.items():
        jsonschema.validate(value, {"format": form}, format_checker=jsonschema.FormatChecker()), name
    for facet in facets(event):
        kind = FACETS[facet["_schemaURL"]]
        hints = get_type_hints(kind)
        own = {field.name: field for field in attr.fields(kind) if not field.name.startswith("_")}
        assert {name for name, field in own.items() if field.default is attr.NOTHING} <= facet.keys()
        for name, value in facet.items():
            if name in own:
                jsonschema.validate(value, schema_of(hints[name]))
            else:
                assert name.startswith("_") or kind is base.RunFacet, name


def facets(found: Any) -> list[dict[str, Any]]:
    """Every facet anywhere in an event."""
    if isinstance(found, list):
        return [facet for one in found for facet in facets(one)]
    if not isinstance(found, dict):
        return []
    own = [found] if "_schemaURL" in found else []
    return own + [facet for one in found.values() for facet in facets(one)]


@pytest.fixture
def city(tmp_path) -> City:
    city = City(tmp_path)
    city.declare()
    city.put("d1.csv", HEADER + GOOD + BAD)
    city.put("d2.csv", HEADER + "a,5,2024-03-02T00:00:00Z\n")
    city.put("d3.csv", HEADER + BAD + BAD + GOOD[: GOOD.index("\n") + 1])
    city.walk()
    return city


def test_every_event_is_valid_and_tells_the_walk(city: City) -> None:
    keep_lineage(city.node)
    events = list(read_events(city.node))
    for event in events:
        check_valid(event)
    done = [event for event in events if event["eventType"] == "COMPLETE"]
    jobs = sorted(event["job"]["name"] for event in done)
    assert jobs == sorted(
        f"{step}/{DATASET}" for step in ("pull", "stage", "check", "load") for _ in range(3)
    )
    assert len(events) == 2 * len(done)
    assert len({event["run"]["runId"] for event in done}) == len(done)


def test_an_event_that_is_wrong_is_found() -> None:
    with pytest.raises(jsonschema.ValidationError):
        check_valid({"eventTime": "2024", "run": {"runId": "x"}, "job": {"name": "a"}, "producer": "p"})


def test_each_event_is_kept_once_however_often_and_wherever_it_stops(city: City) -> None:
    assert keep_lineage(city.node) == 24
    before = {file: file.read_bytes() for file in folder(city.node).rglob("*.ndjson")}
    assert keep_lineage(city.node) == 0
    cut, lost, *_ = sorted(before)
    cut.write_bytes(before[cut][: len(before[cut]) // 2])
    lost.unlink()
    assert keep_lineage(city.node) > 8
    after = {file: sorted(file.read_bytes().splitlines()) for file in folder(city.node).rglob("*.ndjson")}
    assert after == {file: sorted(text.splitlines()) for file, text in before.items()}


def test_a_decision_adds_a_load_and_changes_nothing_that_was_told(city: City) -> None:
    keep_lineage(city.node)
    first = list(read_events(city.node))
    decide(city.node, city.delivery("d3"), "approve", by="Li Wei", reason="looked at it")
    assert keep_lineage(city.node) == 2
    second = list(read_events(city.node))
    assert [event for event in second if event in first] == first
    (new,) = [event for event in second if event not in first and event["eventType"] == "COMPLETE"]
    assert new["run"]["facets"]["shanhai_books"]["verdict"] == "accepted"
    assert "Li Wei" not in json.dumps(second)


def test_a_table_is_traced_to_the_bytes(city: City) -> None:
    part = Tracer(city.node).table(DATASET)
    assert {one.delivery.partition: one.loaded for one in part.deliveries} == {"d1": 1, "d2": 1}
    assert part.rows == len(city.rows())
    for one in part.deliveries:
        assert [body.sha256 for body in one.bodies] == [one.delivery.snapshot]
    assert Tracer(city.node).table(DATASET, 1).rows == 2


def test_a_publication_tells_of_new_versions_only() -> None:
    at = datetime(2024, 3, 4, tzinfo=UTC)
    old, new = PublishedMart("dim_area", 1, 5, "a" * 64), PublishedMart("fct_event", 2, 7, "b" * 64)
    made = Publication(
        2,
        "p",
        at,
        (old, new),
        (("_system.ledger", 9), ("acity.events", 4), ("acity.other", 1)),
        reads={"fct_event": ("_system.ledger", "acity.events"), "dim_area": ()},
    )
    events = list(of_publication(made, [new]))
    for event in events:
        check_valid(event)
    build = next(event for event in events if event["job"]["name"] == "build/fct_event" and event["outputs"])
    assert [(one["name"], one["facets"]["version"]["datasetVersion"]) for one in build["inputs"]] == [
        ("_system.ledger", "9"),
        ("acity.events", "4"),
    ]
    assert {event["job"]["name"] for event in events} == {"build/fct_event", "publish"}
    assert list(of_publication(made, [new])) == events
