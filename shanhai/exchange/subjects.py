"""What a grant, a parcel and a set are about: a dataset, or the folder of an application."""

from __future__ import annotations

from dataclasses import dataclass

from shanhai.exchange.failures import Stage
from shanhai.exchange.strict import Fields, Json

DATASET, APPLICATION = "dataset", "application"
_NAMES = {
    DATASET: r"[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}",
    APPLICATION: r"[a-z][a-z0-9_]{0,62}",
}


@dataclass(frozen=True)
class Subject:
    """`kind` is dataset or application; a dataset is named `<district>.<dataset>`."""

    kind: str
    name: str


def write_subject(subject: Subject) -> Json:
    """An object with one field: {dataset: name} or {application: name}."""
    return {subject.kind: subject.name}


def read_subject(fields: Fields, name: str = "subject") -> Subject:
    """The form that `write_subject` gives.

    Raises:
        Refused: the json codes.
    """
    kind = APPLICATION if APPLICATION in fields.mapping(name, most=1) else DATASET
    inside = Fields(fields.value(name), kind, stage=Stage.UNWRAP)
    return Subject(kind, inside.text(kind, _NAMES[kind]))
