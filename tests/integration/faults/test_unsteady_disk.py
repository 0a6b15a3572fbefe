"""A folder of snapshots whose disk fails every so many calls, or at each call in turn."""

from __future__ import annotations

from pathlib import Path

import pytest
from one_city import DATASET, two_days
from plain_state import differences, read_state
from unsteady_disk import READS, WRITES, unsteady

from shanhai.errors import StoreError
from shanhai.ingest.snapshot import pull
from shanhai.ingest.walk import check_step, load_step, stage_step
from shanhai.storage import LocalStore

CONTENTS = {f"a/k{number}": bytes([65 + number]) * 5000 for number in range(6)}


@pytest.mark.parametrize("kinds", [READS | WRITES, READS, WRITES], ids=["any", "reads", "writes"])
@pytest.mark.parametrize("times", [2, 3, 5, 7])
def test_a_folder_that_fails_every_few_calls_keeps_its_promises(
    tmp_path: Path, times: int, kinds: frozenset[str]
) -> None:
    came = 0

    def fails(number: int, kind: str) -> bool:
        nonlocal came
        came += kind in kinds
        return kind in kinds and came % times == 0

    folder, failures = tmp_path / "store", 0
    with unsteady(folder, fails) as disk:
        for key, content in CONTENTS.items():
            for _ in range(3):
                try:
                    LocalStore(folder).put(key, [content])
                except StoreError:
                    failures += 1
    for file in folder.glob("a/*"):
        assert file.read_bytes() == CONTENTS[f"a/{file.name}"]
    assert disk.failed
    assert failures <= disk.failed
    store = LocalStore(folder)
    for key, content in CONTENTS.items():
        store.put(key, [b"" if (folder / key).exists() else content], if_absent=True)
        with store.open(key) as stream:
            assert stream.read() == content
    assert list(store.list()) == sorted(CONTENTS)


def test_a_pull_whose_disk_fails_at_each_call_in_turn_ends_as_any_other(tmp_path: Path) -> None:
    clean, torn = two_days(tmp_path / "clean"), two_days(tmp_path / "torn")
    pull(clean.node, DATASET)
    (torn.root / "home").mkdir()
    failed = 0
    for place in range(1, 500):
        node = torn.node
        with unsteady(torn.root / "home", lambda number, _, place=place: number == place) as disk:
            try:
                pull(node, DATASET)
            except StoreError:
                failed += 1
        if not disk.failed:
            break
    assert failed > 10
    for one in (clean, torn):
        for step in (stage_step, check_step, load_step):
            step(one.node, DATASET)
        one.ledger()
    state = read_state(clean.root / "home")
    assert len(state.nets) == 2
    assert differences(state, read_state(torn.root / "home")) == []
