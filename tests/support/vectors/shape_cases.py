"""A case of policy out of the JSON of a vector, and the case that everything in is right."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from typing import Any

from shanhai.contracts.model import Column
from shanhai.exchange.grants import Terms, read_grant
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.subjects import Subject
from shanhai.governance.shape import Shape, read_shape
from shanhai.governance.subjects import Counted
from shanhai.governance.values import Case, Data, Received, Request

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
    "data": {
        "subject": {"dataset": "gongshu.visits"},
        "share_class": "conditional",
        "state": "stands",
        "counts_people": False,
        "received": None,
    },
    "columns": COLUMNS,
    "shape": {"names": ["village", "closed", "visits"], "row_filter": None, "masks": {}},
    "request": {
        "subject": {"dataset": "gongshu.visits"},
        "version": 7,
        "recipient": THERE,
        "releaser": "Wang Li",
        "approver": None,
        "order": None,
    },
    "terms": {
        "grant": "a" * 32,
        "rev": 1,
        "purpose": "chronic-disease",
        "share_class": "conditional",
        "onward": "none",
        "retain_until": "2026-12-01T00:00:00Z",
        "columns": ["village", "closed", "visits"],
        "masks": {},
        "row_filter": None,
    },
    "grant": {
        "v": 1,
        "id": "a" * 32,
        "rev": 1,
        "grantee": THERE,
        "subject": {"dataset": "gongshu.visits"},
        "columns": ["village", "closed", "visits"],
        "row_filter": None,
        "masks": {},
        "purpose": "chronic-disease",
        "share_class": "conditional",
        "onward": "none",
        "from": "2026-01-01T00:00:00Z",
        "until": "2027-01-01T00:00:00Z",
        "retention_days": 90,
        "revoked": False,
        "k": None,
    },
    "pairing": "active",
    "sent": [],
    "read": [],
    "others": [],
    "counted": None,
}
"""The grant is in the form in which it travels."""
NOW = "2026-11-01T08:00:00Z"


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


def received_of(stated: dict[str, Any]) -> Received:
    until = stated.get("retain_until")
    return Received(
        stated["onward"],
        frozenset(stated["named"]),
        purpose=stated.get("purpose"),
        retain_until=until and moment(until),
        stands=stated.get("stands", True),
    )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def subject_of(stated: dict[str, str]) -> Subject:
    ((kind, name),) = stated.items()
    return Subject(kind, name)


def case_of(given: dict[str, Any], now: str = NOW, *, counted: Counted | None = None) -> Case:
    """The case that a vector gives; `counted` in place of the numbers that it states."""
    data, request, terms, grant = given["data"], given["request"], given["terms"], given["grant"]
    received, order = data["received"], request["order"]
    if counted is None and given["counted"] is not None:
        numbers = given["counted"]
        compared = frozenset((version, shape) for version, shape in numbers["compared_with"])
        columns = frozenset(numbers["columns"])
        own = {"measure": tuple(numbers["measure"]), "columns": columns, "compared_with": compared}
        counted = Counted(**{**numbers, **own})
    return Case(
        request=Request(
            **{**request, "subject": subject_of(request["subject"]), "order": order and tuple(order)},
            shape=shape_of(given),
            terms=Terms(
                **{
                    **terms,
                    "retain_until": moment(terms["retain_until"]),
                    "columns": tuple(terms["columns"]),
                }
            ),
        ),
        data=Data(
            subject=subject_of(data["subject"]),
            share_class=data["share_class"],
            columns=columns_of(given["columns"]),
            state=data["state"],
            counts_people=data["counts_people"],
            received=received and received_of(received),
        ),
        grant=None if grant is None else read_grant(grant),
        pairing=PairingState(given["pairing"]),
        now=moment(now),
        sent=frozenset((version, shape) for version, shape in given["sent"]),
        read=frozenset(given["read"]),
        others=tuple(map(read_grant, given["others"])),
        counted=counted,
    )
