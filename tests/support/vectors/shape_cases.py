"""A case of policy out of the JSON of a vector, and the case that everything in is right."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shanhai.contracts.model import Column
from shanhai.governance.shape import Shape, read_shape
from shanhai.governance.subjects import Counted
from shanhai.governance.values import Case, Received, Request, Subject, SubjectId, Terms

HERE = "1" * 64
THERE = "2" * 64
OTHER = "3" * 64

COLUMNS: list[dict[str, Any]] = [
    {"name": "person_id", "type": "string", "personal": True, "validators": ["resident_id"]},
    {"name": "person_name", "type": "string", "personal": True, "max_length": 40},
    {"name": "village", "type": "string"},
    {"name": "closed", "type": "boolean"},
    {"name": "visits", "type": "integer"},
    {"name": "born", "type": "date", "personal": True},
    {"name": "narrative", "type": "string", "classification": "core"},
    {"name": "seen_at", "type": "timestamp"},
]
"""A small contract that nobody has: what tells of persons, what is core, what is neither."""

RIGHT: dict[str, Any] = {
    "subject": {
        "kind": "dataset",
        "name": "gongshu.visits",
        "share_class": "conditional",
        "state": "stands",
        "counts_people": False,
        "received": None,
    },
    "columns": COLUMNS,
    "shape": {"names": ["village", "closed", "visits"], "row_filter": None, "masks": {}},
    "request": {
        "kind": "dataset",
        "name": "gongshu.visits",
        "version": 7,
        "recipient": THERE,
        "readable": ["village", "closed", "visits"],
        "releaser": "Wang Li",
        "approver": None,
        "terms": {
            "purpose": "chronic disease follow-up",
            "share_class": "conditional",
            "onward": "none",
            "retain_until": "2026-12-01T00:00:00Z",
        },
    },
    "grant": {
        "grantee": THERE,
        "kind": "dataset",
        "name": "gongshu.visits",
        "columns": ["village", "closed", "visits"],
        "row_filter": None,
        "masks": {},
        "purpose": "chronic disease follow-up",
        "share_class": "conditional",
        "onward": "none",
        "since": "2026-01-01T00:00:00Z",
        "until": "2027-01-01T00:00:00Z",
        "retention_days": 90,
        "revoked": False,
        "k": None,
    },
    "pairing": "active",
    "sent": [],
    "counted": None,
}
NOW = "2026-11-01T08:00:00Z"


@dataclass(frozen=True)
class PlainGrant:
    """The fields of a grant that policy reads."""

    grantee: str
    kind: str
    name: str
    columns: tuple[str, ...] | None
    row_filter: str | None
    masks: dict[str, str]
    purpose: str
    share_class: str
    onward: str
    since: datetime
    until: datetime
    retention_days: int
    revoked: bool
    k: int | None


def right(**changes: Any) -> dict[str, Any]:
    """The right case, with `part__key=value` put in; a part that is named alone is replaced."""
    given = deepcopy(RIGHT)
    for path, value in changes.items():
        place, *inner = path.split("__")
        target = given
        while inner:
            target, place, inner = target[place], inner[0], inner[1:]
        target[place] = value
    return given


def columns_of(entries: list[dict[str, Any]]) -> tuple[Column, ...]:
    return tuple(Column(source=entry["name"], **entry) for entry in entries)


def shape_of(given: dict[str, Any]) -> Shape:
    stated = given["shape"]
    return read_shape(
        columns_of(given["columns"]),
        names=stated["names"],
        row_filter=stated["row_filter"],
        masks=stated["masks"],
    )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def case_of(given: dict[str, Any], now: str = NOW, *, counted: Counted | None = None) -> Case:
    """The case that a vector gives; `counted` in place of the numbers that it states."""
    subject, request, grant = given["subject"], given["request"], given["grant"]
    received = subject["received"]
    if counted is None and given["counted"] is not None:
        numbers = given["counted"]
        counted = Counted(**{**numbers, "compared_with": frozenset(numbers["compared_with"])})
    return Case(
        request=Request(
            subject=SubjectId(request["kind"], request["name"]),
            version=request["version"],
            recipient=request["recipient"],
            shape=shape_of(given),
            readable=tuple(request["readable"]),
            terms=Terms(**{**request["terms"], "retain_until": moment(request["terms"]["retain_until"])}),
            releaser=request["releaser"],
            approver=request["approver"],
        ),
        subject=Subject(
            id=SubjectId(subject["kind"], subject["name"]),
            share_class=subject["share_class"],
            columns=columns_of(given["columns"]),
            state=subject["state"],
            counts_people=subject["counts_people"],
            received=received and Received(received["onward"], frozenset(received["named"])),
        ),
        grant=grant
        and PlainGrant(
            **{
                **grant,
                "columns": None if grant["columns"] is None else tuple(grant["columns"]),
                "since": moment(grant["since"]),
                "until": moment(grant["until"]),
            }
        ),
        pairing=given["pairing"],
        now=moment(now),
        sent=frozenset(given["sent"]),
        counted=counted,
    )
