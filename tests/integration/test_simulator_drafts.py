"""Drafts of what the simulated districts send, against the contracts that people wrote for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from simulated import simulated_node

from infra.simulator import catalogue
from shanhai.contracts.model import Contract
from shanhai.ids import DatasetId
from shanhai.ingest.infer import Inferred, infer
from shanhai.ingest.infer.given import open_files
from shanhai.ingest.node import Node
from shanhai.ingest.sidecar import body_key, sidecar
from shanhai.ingest.snapshot import pull

ROWS = 6_000
KEYS = {"gongshu.link_heartbeats": "equal lines are two beats, and both count: people knew, no sample tells"}
"""Datasets whose key a sample does not tell, and why."""
CODES = {
    ("gongshu.resource_catalogue", "share.class"): "a wrong code in a short list looks like any other",
    ("gongshu.resource_catalogue", "share.condition"): "a text that is nearly always the same",
    ("gongshu.link_heartbeats", "peer"): "a wrong code, planted often enough to look right",
    ("longyou.hazards", "风险等级"): "a wrong code, planted often enough to look right",
    ("longyou.events", "工单状态"): "a wrong code, planted often enough to look right",
    ("zhaohua.events", "条线"): "a wrong code, planted often enough to look right",
}
"""Columns whose codes a sample does not tell, and why. All other codes of a draft are the contract's."""
PERSONAL = {
    ("longyou.water_meters", "累计读数"): "that a reading tells of a person living alone is not in the data"
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with simulated_node(tmp_path_factory.mktemp("home")) as node:
        yield node


def drafted(node: Node, dataset: DatasetId, work: Path) -> Inferred:
    """A draft of all bodies of the first windows, as files in a folder."""
    folder = work / "bodies"
    folder.mkdir()
    for delivery in pull(node, dataset):
        for number, body in enumerate(sidecar(node, delivery).bodies):
            name = f"{delivery.partition}-{delivery.snapshot[:6]}-{number}{Path(body.name).suffix or '.json'}"
            with node.snapshots.local_path(body_key(body.sha256)) as path:
                (folder / name).write_bytes(path.read_bytes())
    given = open_files(str(folder))
    return infer(given, dataset, node.federation, node.settings, work, rows=ROWS, tell=lambda *_: None)


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_a_draft_agrees_with_the_contract(node: Node, tmp_path: Path, name: str):
    contract: Contract = node.federation.contract(DatasetId.parse(name))
    found = drafted(node, contract.dataset, tmp_path)
    guessed = {guess.column.source: guess.column for guess in found.draft.columns}
    assert {column.source for column in contract.columns} <= set(guessed)
    by_name = {guess.column.name: guess.column.source for guess in found.draft.columns}
    for column in contract.columns:
        guess = guessed[column.source]
        assert guess.type == column.type, column.source
        assert guess.validators == column.validators, column.source
        assert guess.formats == column.formats, column.source
        assert (guess.crs is None) == (column.crs is None), column.source
        if (name, column.source) not in CODES:
            assert set(guess.codes) <= set(column.codes), column.source
        if (name, column.source) not in PERSONAL:
            assert guess.personal == column.personal, column.source
    if name not in KEYS:
        assert {by_name[key] for key in found.draft.key} == {
            contract.column(key).source for key in contract.key
        }
    assert found.draft.format.kind == contract.format.kind
    stated = ("encoding", "delimiter", "records", "sheet", "header_row")
    assert {key: getattr(found.draft.format, key, None) for key in stated} == {
        key: getattr(contract.format, key, None) for key in stated
    }
    assert "guess:" in found.text
