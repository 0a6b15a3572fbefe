"""What a home holds, read with plain DuckDB from Delta's JSON logs and Parquet files: no code of ours.

Two homes that went through the same deliveries have equal states, whatever happened on the way.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb

_RELEASED = "('released BOOLEAN', True)"
"""A row that entered after all stays in the quarantine file, with this mark."""
COUNTS = ("rows_in", "loaded", "quarantined", "duplicates", "superseded", "withheld")


@dataclass(frozen=True)
class Table:
    """One Delta table as its log tells it.

    Attributes:
        live: the files of a version, by version.
        facts: what each commit carries of ours, by version.
        twice: files that the log adds although they are there.
        orphans: Parquet files in the folder that no version refers to.
    """

    folder: Path
    live: dict[int, tuple[str, ...]]
    facts: dict[int, dict[str, Any]]
    twice: tuple[str, ...]
    orphans: tuple[str, ...]

    @property
    def version(self) -> int:
        return max(self.live)

    def rows(self, version: int | None = None) -> Counter[str]:
        """The rows of a version as a multiset, each with the names and types of its columns."""
        files = self.live[self.version if version is None else version]
        return _rows([file for name in files if (file := self.folder / name).is_file()])


@dataclass
class State:
    """What must be equal however a home came to it; and what is wrong with it in itself."""

    tables: dict[str, Counter[str]] = field(default_factory=dict)
    nets: dict[str, tuple[int, ...]] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    entries: Counter[str] = field(default_factory=Counter)
    quarantine: Counter[str] = field(default_factory=Counter)
    marts: dict[str, Counter[str]] = field(default_factory=dict)
    snapshots: frozenset[str] = frozenset()
    faults: list[str] = field(default_factory=list)
    orphans: int = 0


def read_table(folder: Path) -> Table:
    """Replay the JSON log of a Delta table from its first version; versions are without gap."""
    logs = sorted((folder / "_delta_log").glob("*.json"))
    assert [int(log.stem) for log in logs] == list(range(len(logs))), folder
    files: dict[str, None] = {}
    ever: set[str] = set()
    twice: list[str] = []
    live: dict[int, tuple[str, ...]] = {}
    facts: dict[int, dict[str, Any]] = {}
    for version, log in enumerate(logs):
        actions = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line]
        for action in (one["remove"] for one in actions if "remove" in one):
            files.pop(unquote(action["path"]))
        for action in (one["add"] for one in actions if "add" in one):
            name = unquote(action["path"])
            twice += [name] if name in files else []
            files[name] = None
            ever.add(name)
        for action in (one["commitInfo"] for one in actions if "commitInfo" in one):
            told = action.get("shanhai")
            facts[version] = json.loads(told) if isinstance(told, str) else told or {}
        live[version] = tuple(files)
    there = {file.name for file in folder.glob("*.parquet")}
    return Table(folder, live, facts, tuple(twice), tuple(sorted(there - ever)))


def read_state(home: Path) -> State:
    """The state of a home whose projections were brought up to the commits."""
    state = State(snapshots=_snapshots(home))
    datasets = {
        f"{log.parents[1].name}.{log.parent.name}": read_table(log.parent)
        for log in sorted(home.glob("lake/[!_]*/*/_delta_log"))
        if _is_table(log.parent)
    }
    ledger: Counter[str] = Counter()
    purged: set[str] = set()
    latest: dict[str, dict[str, Any]] = {}
    for name, table in datasets.items():
        state.tables[name] = table.rows()
        _look_for_faults(state, name, table)
        _add_up(state, name, table, ledger, latest)
        purged |= _purged(table)
    _look_for_text(state, home, purged)
    _look_at_quarantine(state, home, latest)
    _look_at_ledger(state, home, ledger)
    _look_at_publications(state, home)
    state.faults += [
        f"{delivery} does not balance: {net}"
        for delivery, net in state.nets.items()
        if net[0] != sum(net[1:])
    ]
    return state


def differences(clean: State, other: State, *, history: bool = True) -> list[str]:
    """How another state differs from that of a clean run, a sentence each; faults of the other included.

    Args:
        history: whether entries must be the same ones; else only what they add up to.
    """
    found = list(other.faults)
    for what in ("tables", "nets", "verdicts", "marts"):
        one, two = getattr(clean, what), getattr(other, what)
        found += [
            f"{what} of {name} differ: {_told(one.get(name), two.get(name))}"
            for name in sorted(one.keys() | two.keys())
            if one.get(name) != two.get(name)
        ]
    for what in ("quarantine", *(("entries",) if history else ())):
        if getattr(clean, what) != getattr(other, what):
            found.append(f"{what} differ: {_told(getattr(clean, what), getattr(other, what))}")
    if clean.snapshots != other.snapshots:
        found.append(f"snapshots differ: {sorted(clean.snapshots ^ other.snapshots)[:3]}")
    return found


def instants(home: Path) -> list[datetime]:
    """When each commit of a dataset was made, by the clock of whoever made it."""
    tables = [read_table(log.parent) for log in sorted(home.glob("lake/[!_]*/*/_delta_log"))]
    told = [facts["at"] for table in tables for facts in table.facts.values() if "at" in facts]
    return [datetime.fromisoformat(at) for at in told]


def _add_up(
    state: State, name: str, table: Table, ledger: Counter[str], latest: dict[str, dict[str, Any]]
) -> None:
    nets: dict[str, Counter[str]] = defaultdict(Counter)
    for version, facts in table.facts.items():
        for place, entry in enumerate(facts.get("entries", ())):
            counts = {count: entry[count] for count in COUNTS}
            nets[entry["delivery"]].update(counts)
            key = (entry["delivery"], entry["kind"], tuple(counts.values()))
            ledger[repr((*key, version, place))] += 1
            state.entries[repr((*key, entry["verdict"], entry.get("cause"), entry.get("decided_by")))] += 1
            if not entry.get("cause"):
                state.verdicts[entry["delivery"]] = entry["verdict"]
                if entry["staging"]:
                    latest[entry["delivery"]] = entry
    files = [file for name in table.live[table.version] if (file := table.folder / name).is_file()]
    query = "SELECT _delivery, count(*) FROM read_parquet(?, union_by_name = true) GROUP BY 1"
    counted = dict(duckdb.execute(query, [[str(file) for file in files]]).fetchall()) if files else {}
    for delivery, net in nets.items():
        state.nets[delivery] = tuple(net[count] for count in COUNTS)
    for delivery in nets.keys() | counted.keys():
        if nets[delivery]["loaded"] != counted.get(delivery, 0):
            booked = nets[delivery]["loaded"]
            state.faults.append(f"{delivery}: {booked} rows booked, {counted.get(delivery, 0)} in the table")


def _look_for_faults(state: State, name: str, table: Table) -> None:
    state.orphans += len(table.orphans)
    state.faults += [f"{name}: {file} is added twice" for file in table.twice]
    files = [table.folder / file for file in table.live[table.version]]
    missing = [file.name for file in files if not file.is_file()]
    state.faults += [f"{name}: {file} is missing" for file in missing]
    digests = Counter(_digest(file) for file in files if file.is_file())
    state.faults += [
        f"{name}: the same bytes are live {times} times" for times in digests.values() if times > 1
    ]


def _look_at_quarantine(state: State, home: Path, latest: dict[str, dict[str, Any]]) -> None:
    """Rows by position and reasons from the files that the commits name, and the projection beside them."""
    for delivery, entry in latest.items():
        named = entry.get("quarantine_file")
        if named is None:
            continue
        file = home / "quarantine" / named
        if not file.is_file() or _digest(file) != entry["quarantine_sha256"]:
            state.faults.append(f"{delivery}: the quarantine file is not the one that was committed")
            continue
        found = _rows([file])
        state.quarantine += found
        refused = sum(times for row, times in found.items() if _RELEASED not in row)
        if refused != state.nets[delivery][COUNTS.index("quarantined")]:
            state.faults.append(f"{delivery}: {refused} rows are in its quarantine file")
    folder = home / "lake" / "_system" / "quarantine"
    if _is_table(folder):
        table = read_table(folder)
        _look_for_faults(state, "quarantine", table)
        if table.rows() != state.quarantine:
            state.faults.append(f"the quarantine table differs: {_told(state.quarantine, table.rows())}")


def _purged(table: Table) -> set[str]:
    """The deliveries whose refused rows have no text any more, as the commits say."""
    lines = [line for facts in table.facts.values() for line in facts.get("entries", ())]
    return {line["delivery"] for line in lines if line["kind"] == "purge" and "quarantine" in line["scope"]}


def _look_for_text(state: State, home: Path, purged: set[str]) -> None:
    """No file of refused rows of a purged delivery has their text, wherever a kill left it."""
    for delivery in purged:
        key = hashlib.sha256(delivery.encode()).hexdigest()[:32]
        for folder in (home / "quarantine", home / "lake" / "_system" / "quarantine"):
            for file in (*folder.glob(f"{key}-*"), *folder.glob(f".{key}-*")):
                if duckdb.execute("FROM read_parquet(?) WHERE raw IS NOT NULL", [str(file)]).fetchall():
                    state.faults.append(f"{delivery}: {file.name} has texts, and was purged")


def _look_at_ledger(state: State, home: Path, ledger: Counter[str]) -> None:
    folder = home / "lake" / "_system" / "ledger"
    if not _is_table(folder):
        return
    table = read_table(folder)
    _look_for_faults(state, "ledger", table)
    files = [str(folder / file) for file in table.live[table.version]]
    columns = ", ".join(COUNTS)
    query = f"SELECT delivery, kind, {columns}, table_version, entry FROM read_parquet(?)"
    lines = duckdb.execute(query, [files]).fetchall() if files else []
    told = Counter(repr((line[0], line[1], line[2:8], line[8], line[9])) for line in lines)
    if told != ledger:
        state.faults.append(f"the ledger differs from the commits: {_told(ledger, told)}")


def _look_at_publications(state: State, home: Path) -> None:
    """Publications are numbered without gap, and each version of a mart has the rows that they tell."""
    folder = home / "lake" / "_system" / "publications"
    if not _is_table(folder):
        return
    table = read_table(folder)
    files = [str(folder / file) for file in table.live[table.version]]
    query = "SELECT number, marts FROM read_parquet(?) ORDER BY number"
    told = duckdb.execute(query, [files]).fetchall() if files else []
    if [number for number, _ in told] != list(range(1, len(told) + 1)):
        state.faults.append(f"publications are numbered {[number for number, _ in told]}")
    for number, marts in told:
        for mart in marts:
            rows = read_table(home / "marts" / mart["name"]).rows(mart["version"])
            if sum(rows.values()) != mart["rows"]:
                state.faults.append(f"publication {number}: {mart['name']} has {sum(rows.values())} rows")
            state.marts[mart["name"]] = rows


def _snapshots(home: Path) -> frozenset[str]:
    """Bodies under their digests, and the deliveries that have a sidecar."""
    bodies = [file for file in home.glob("snapshots/sha256/*/*") if file.is_file()]
    wrong = {f"altered: {file.name}" for file in bodies if _digest(file) != file.name}
    sidecars = [json.loads(file.read_bytes()) for file in home.glob("snapshots/deliveries/*/*/*.json")]
    told = {f"{sidecar['delivery']} {[body['sha256'] for body in sidecar['bodies']]}" for sidecar in sidecars}
    return frozenset(told | wrong | {file.name for file in bodies})


def _is_table(folder: Path) -> bool:
    """Whether its first version was committed: one that could not be made leaves an empty folder."""
    return any((folder / "_delta_log").glob("*.json"))


def _rows(files: list[Path]) -> Counter[str]:
    if not files:
        return Counter()
    relation = duckdb.sql(
        "SELECT * FROM read_parquet($files, union_by_name = true)",
        params={"files": [str(file) for file in files]},
    )
    named = [f"{name} {kind}" for name, kind in zip(relation.columns, relation.types, strict=True)]
    places = sorted(range(len(named)), key=named.__getitem__)
    return Counter(repr([(named[place], row[place]) for place in places]) for row in relation.fetchall())


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _told(one: Any, two: Any) -> str:
    if isinstance(one, Counter) and isinstance(two, Counter):
        lost, gained = one - two, two - one
        return f"{sum(lost.values())} lost {list(lost)[:2]}, {sum(gained.values())} gained {list(gained)[:2]}"
    return f"{one!s:.200} is {two!s:.200}"
