"""The connector `parcels` keeps the promises of the protocol, against the folder of opened tables."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.parcels import ParcelsConnector
from shanhai.connect.conformance import Case, ConnectorConformance, Moving
from shanhai.connect.protocol import ConnectContext
from tests.conformance.rows import arrivals

LARGE = random.Random(7).randbytes(400_000)
BELOW = "longyou/longyou.hotline"
FILES = {
    f"{BELOW}/7-0-2-aaaaaaaaaaaa.parquet": b"of version 7",
    f"{BELOW}/7-0-11-bbbbbbbbbbbb.parquet": LARGE,
}
OTHERS = {
    f"{BELOW}/10-0-3-cccccccccccc.parquet": b"of version 10",
    f"{BELOW}/9-1-0-dddddddddddd.parquet": b"of version 9",
    f"{BELOW}/.7-0-4-eeeeeeeeeeee.parquet": b"hidden",
    f"{BELOW}/notes.parquet": b"not placed by the exchange",
    "longyou/longyou.noise/7-0-5-ffffffffffff.parquet": b"another subject",
    "zhaohua/longyou.hotline/7-0-6-000000000000.parquet": b"another partner",
}


class TestParcels(ConnectorConformance):
    factory = ParcelsConnector

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.root = tmp_path
        for name, content in {**FILES, **OTHERS}.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def healthy(self) -> Case:
        context = ConnectContext(str(self.root), allowed_roots=(self.root,))
        return Case({"partner": "longyou", "subject": "longyou.hotline"}, context, "7", FILES)

    def empty(self) -> Case:
        context = ConnectContext(str(self.root / "nothing"), allowed_roots=(self.root,))
        return replace(self.healthy(), context=context, window=None, bodies={})

    def growing(self) -> Moving:
        arriving = arrivals(self.arrive, FILES)
        return Moving(self.healthy(), arriving, frozenset(FILES))

    def arrive(self, name: str, content: bytes) -> None:
        (self.root / BELOW / Path(name).name).write_bytes(content)

    def test_without_a_window_every_version_comes_the_oldest_first(self) -> None:
        case = replace(self.healthy(), window=None)
        names = [name.removeprefix(f"{BELOW}/").partition("-")[0] for name in self.collected(case)]
        assert names == ["7", "7", "9", "10"]

    def test_messages_of_one_version_are_in_their_order(self) -> None:
        assert list(self.collected(self.healthy())) == list(FILES)
