"""One test vector: a JSON file that says what is given, when, and what must come of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from shanhai.exchange.strict import read_moment, write_moment

FOLDER = Path(__file__).parents[3] / "shanhai" / "exchange" / "vectors"


@dataclass(frozen=True)
class Vector:
    """A named case.

    `expect` is {"passes": {...}}, {"refused": code, "stage": stage} or {"gap": code, "stage": stage}.
    A name may have a variant behind a full stop: `sig-forged.payload-changed`.
    """

    name: str
    group: str
    about: str
    operation: str
    given: dict[str, object]
    now: datetime
    expect: dict[str, object] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return FOLDER / self.group / f"{self.name}.json"

    def text(self) -> str:
        value = {**self.__dict__, "now": write_moment(self.now)}
        return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def refused(code: str, stage: str) -> dict[str, object]:
    return {"refused": code, "stage": stage}


def gap(code: str, stage: str) -> dict[str, object]:
    return {"gap": code, "stage": stage}


def load(file: Path) -> Vector:
    value = json.loads(file.read_text(encoding="utf-8"))
    return Vector(**{**value, "now": read_moment(value["now"])})


def names(*groups: str) -> dict[str, Path]:
    """Every committed vector of those groups, by name."""
    return {file.stem: file for group in groups for file in sorted((FOLDER / group).glob("*.json"))}
