"""Two homes that one process serves as a scheduler would, and what people were told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from locked_node import NODE_PASSPHRASE
from one_city import City
from seller import TABLE, Seller, settle
from two_nodes import Two, confirmed

from shanhai import steps
from shanhai.courier import granting, waiting
from shanhai.exchange.grants import Grant
from shanhai.settings import Settings, read_settings

RECEIVED: list[dict[str, Any]] = [
    {"name": "village", "logicalType": "string"},
    {"name": "n", "logicalType": "integer", "required": True, "logicalTypeOptions": {"minimum": 0}},
]
SOURCE = {
    "connector": "parcels",
    "endpoint": "data",
    "options": {"partner": "gongshu", "subject": TABLE},
}
BY_VERSION = {"per": "file", "partition": {"by": "file", "pattern": r"/(?P<partition>[0-9]+)-[^/]*$"}}


@dataclass(frozen=True)
class Pair:
    """Gongshu, which serves itself and Longyou; what people were told."""

    seller: Seller
    told: list[dict[str, Any]]

    @property
    def longyou(self) -> Settings:
        home = self.seller.two.longyou.home
        return read_settings(home=home, federation=home.parent / "federation", free_disk_bytes=0)

    def contract(self, columns: list[dict[str, Any]] = RECEIVED, **changes: Any) -> None:
        """Longyou's own contract for what comes."""
        stated = {"source": SOURCE, "format": {"kind": "parquet"}, "delivery": BY_VERSION}
        city = City(self.longyou.federation)
        city.declare(columns, **{**stated, "versions": None, "duplicates": None, **changes})
        (self.longyou.home / "endpoints.yml").write_text("acity.data: home://exchange/opened\n")

    def strict_contract(self) -> None:
        """One that most rows of the city break, so that it refuses what comes."""
        strict = [RECEIVED[0], {**RECEIVED[1], "logicalTypeOptions": {"minimum": 3}}]
        self.contract(strict, tolerance={"hold": 0.1, "refuse": 0.2})

    def send(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return steps.release_step("gongshu", "longyou"), steps.ship_step("gongshu", "longyou")

    def take(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        return (
            steps.receive_step("longyou", "gongshu"),
            steps.admit_step("longyou", "gongshu"),
            steps.ship_step("longyou", "gongshu"),
        )

    def outcomes(self) -> list[str | None]:
        """What became of each parcel, as Gongshu knows it."""
        return [one.outcome for one in self.seller.messages() if one.type == "parcel"]

    def grant(self, *columns: str, subject: str = TABLE, **changes: Any) -> Grant:
        """Grant to Longyou, which learns it by a message."""
        stated = {"columns": columns or None, **changes}
        with self.seller.two.gongshu.desk() as desk:
            return granting.add(desk, "longyou", self.seller.draft(subject=subject, **stated))

    def waits(self) -> list[tuple[str, str]]:
        with self.seller.two.gongshu.desk() as desk:
            return [(one.kind, one.about) for one in waiting.open_ones(desk.connection)]

    def told_of(self, kind: str) -> list[str]:
        return [one["about"] for one in self.told if one["kind"] == kind]


def served_pair(two: Two, city: City, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Both paired, with a contract of Longyou's for what comes; what was said so far has arrived."""
    confirmed(two)
    seller = settle(two, city, folder)
    longyou, told = seller.two.longyou.home, []
    file = folder / "passphrase"
    file.write_text(NODE_PASSPHRASE)
    file.chmod(0o600)
    nodes = {
        "gongshu": {"home": ".", "passphrase_file": str(file)},
        "longyou": {
            "home": str(longyou),
            "federation": str(longyou.parent / "federation"),
            "passphrase_file": str(file),
        },
    }
    (seller.home / "nodes.yml").write_text(yaml.safe_dump(nodes))
    serving = read_settings(home=seller.home, federation=seller.city.root)
    monkeypatch.setattr(steps, "load_settings", lambda: serving)
    monkeypatch.setattr(
        "shanhai.courier.telling.notify",
        lambda settings, event, **facts: told.append({"event": event, **facts}) or True,
    )
    made = Pair(seller, told)
    made.contract()
    for node, partner in (("gongshu", "longyou"), ("longyou", "gongshu")):
        steps.ship_step(node, partner)
    for node, partner in (("gongshu", "longyou"), ("longyou", "gongshu")):
        steps.receive_step(node, partner)
    return made


def without_passphrases(pair: Pair) -> None:
    """Whoever opens keys from now on fails."""
    file = pair.seller.home / "nodes.yml"
    nodes = yaml.safe_load(file.read_text())
    for one in nodes.values():
        del one["passphrase_file"]
    file.write_text(yaml.safe_dump(nodes))
