"""The comparison with a clean run is worth something: it notices each way in which rows could go wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from clean_walk import Clean
from plain_state import State, differences, read_state, read_table

TABLE = "lake/acounty/events"


@pytest.fixture(scope="module")
def state(clean: Clean) -> State:
    return read_state(clean.home)


def _copied(clean: Clean, root: Path) -> Path:
    home = root / "home"
    for part in ("lake", "marts", "quarantine", "snapshots"):
        shutil.copytree(clean.home / part, home / part)
    return home


def _live(home: Path, table: str = TABLE) -> Path:
    """A file of the newest version."""
    found = read_table(home / table)
    return found.folder / max(
        found.live[found.version], key=lambda name: (found.folder / name).stat().st_size
    )


def _rewritten(file: Path, query: str) -> None:
    other = file.with_suffix(".new")
    duckdb.execute(
        f"COPY ({query.format(rows=f'read_parquet({str(file)!r})')}) TO '{other}' (FORMAT parquet)"
    )
    other.replace(file)


def _committed(home: Path, change: Callable[[list[dict[str, Any]]], None], table: str = TABLE) -> None:
    """Alter the actions of the last commit that carries entries."""
    for log in sorted((home / table / "_delta_log").glob("*.json"), reverse=True):
        actions = [json.loads(line) for line in log.read_text().splitlines()]
        if any("shanhai" in one.get("commitInfo", {}) for one in actions):
            change(actions)
            log.write_text("\n".join(json.dumps(one) for one in actions))
            return


def _facts(actions: list[dict[str, Any]], change: Callable[[dict[str, Any]], None]) -> None:
    info = next(one["commitInfo"] for one in actions if "commitInfo" in one)
    facts = json.loads(info["shanhai"])
    change(facts)
    info["shanhai"] = json.dumps(facts)


def _a_row_more(home: Path) -> None:
    _rewritten(
        _live(home), "FROM {rows} UNION ALL BY NAME SELECT * REPLACE ('zz' AS id) FROM (FROM {rows} LIMIT 1)"
    )


def _a_row_less(home: Path) -> None:
    _rewritten(_live(home), "FROM {rows} OFFSET 1")


def _a_row_twice(home: Path) -> None:
    _rewritten(_live(home), "FROM {rows} UNION ALL (FROM {rows} LIMIT 1)")


def _a_row_twice_for_another(home: Path) -> None:
    """As many rows as before: only a multiset tells."""
    _rewritten(_live(home), "(FROM {rows} OFFSET 1) UNION ALL (FROM {rows} OFFSET 1 LIMIT 1)")


def _a_changed_cell(home: Path) -> None:
    _rewritten(
        _live(home), "SELECT * REPLACE (if(row_number() OVER () = 1, n + 1, n)::BIGINT AS n) FROM {rows}"
    )


def _a_changed_type(home: Path) -> None:
    _rewritten(_live(home), "SELECT * REPLACE (n::INTEGER AS n) FROM {rows}")


def _a_lost_entry(home: Path) -> None:
    _committed(home, lambda actions: _facts(actions, lambda facts: facts["entries"].pop()))


def _another_count(home: Path) -> None:
    def alter(facts: dict[str, Any]) -> None:
        facts["entries"][0]["loaded"] += 1

    _committed(home, lambda actions: _facts(actions, alter))


def _the_same_bytes_twice(home: Path) -> None:
    file = _live(home)
    shutil.copy(file, file.with_name("again.parquet"))

    def add(actions: list[dict[str, Any]]) -> None:
        actions.append({"add": {"path": "again.parquet"}})

    _committed(home, add)


def _a_file_is_gone(home: Path) -> None:
    _live(home).unlink()


def _a_line_of_the_ledger_is_gone(home: Path) -> None:
    _rewritten(_live(home, "lake/_system/ledger"), "FROM {rows} OFFSET 1")


def _a_line_of_the_ledger_is_there_twice(home: Path) -> None:
    _rewritten(_live(home, "lake/_system/ledger"), "FROM {rows} UNION ALL (FROM {rows} LIMIT 1)")


def _another_reason(home: Path) -> None:
    _rewritten(
        _live(home, "lake/_system/quarantine"), "SELECT * REPLACE (['n.other'] AS reasons) FROM {rows}"
    )


def _another_quarantine_file(home: Path) -> None:
    file = max(home.glob("quarantine/*.parquet"), key=lambda one: one.stat().st_size)
    _rewritten(file, "FROM {rows} OFFSET 1")


def _texts_of_a_purged_delivery_are_left(home: Path) -> None:
    file = max(home.glob("quarantine/*.parquet"), key=lambda one: one.stat().st_size)
    left = file.with_name(f"{file.name[:32]}-left.parquet")
    shutil.copy(file, left)
    _rewritten(left, "SELECT * REPLACE ('x' AS raw) FROM {rows}")


def _a_mart_lacks_a_row(home: Path) -> None:
    _rewritten(_live(home, "marts/mart_every_event"), "FROM {rows} OFFSET 1")


def _a_publication_is_there_twice(home: Path) -> None:
    _rewritten(_live(home, "lake/_system/publications"), "FROM {rows} UNION ALL FROM {rows}")


def _a_sidecar_is_gone(home: Path) -> None:
    next(home.glob("snapshots/deliveries/*/*/*.json")).unlink()


def _a_body_is_altered(home: Path) -> None:
    file = next(file for file in home.glob("snapshots/sha256/*/*") if file.is_file())
    file.chmod(0o600)
    file.write_bytes(file.read_bytes() + b"\n")


MUTATIONS = (
    _a_row_more,
    _a_row_less,
    _a_row_twice,
    _a_row_twice_for_another,
    _a_changed_cell,
    _a_changed_type,
    _a_lost_entry,
    _another_count,
    _the_same_bytes_twice,
    _a_file_is_gone,
    _a_line_of_the_ledger_is_gone,
    _a_line_of_the_ledger_is_there_twice,
    _another_reason,
    _another_quarantine_file,
    _texts_of_a_purged_delivery_are_left,
    _a_mart_lacks_a_row,
    _a_publication_is_there_twice,
    _a_sidecar_is_gone,
    _a_body_is_altered,
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.__name__.strip("_"))
def test_a_mutation_is_noticed(clean: Clean, state: State, tmp_path: Path, mutation: Callable[[Path], None]):
    home = _copied(clean, tmp_path)
    mutation(home)
    assert differences(state, read_state(home)) != []


def test_an_orphan_is_counted_and_no_fault(clean: Clean, state: State, tmp_path: Path):
    home = _copied(clean, tmp_path)
    file = _live(home)
    shutil.copy(file, file.with_name("orphan.parquet"))
    copied = read_state(home)
    assert differences(state, copied) == []
    assert copied.orphans == state.orphans + 1


def test_the_clean_walk_has_every_kind_of_row(state: State):
    """Else equal would mean little."""
    assert state.faults == []
    totals = [sum(net[place] for net in state.nets.values()) for place in range(6)]
    assert all(totals), totals
    assert set(state.verdicts.values()) == {"accepted", "refused", "withdrawn"}
    assert set(state.marts) == {"mart_every_event", "mart_every_visit", "mart_pool_size"}
