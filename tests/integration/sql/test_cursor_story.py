"""Whatever happens between pulls of a cursor, in the end the lake is the table: nothing is lost or twice."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from shanhai.ingest import walk
from shanhai.ingest.cursors import last_cursor
from shanhai.ingest.ledger import ledger
from shanhai.ingest.load import Decision, commit_decision
from shanhai.ingest.pending import pending
from shanhai.ingest.sidecar import sidecars
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage
from shanhai.ingest.withdraw import withdraw
from tests.support.one_city import DATASET, City
from tests.support.servers.postgres import Postgres
from tests.support.sql_events import COMMON, make_table

STEPS = 14


@pytest.fixture
def city(tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> City:
    """A city whose dataset is an empty table; `moment` is its one clock, which goes on by the minute."""
    make_table(postgres, monkeypatch)
    return City(tmp_path)


class Story:
    """What the source does, and what becomes of deliveries; all by one source of chance."""

    def __init__(self, city: City, postgres: Postgres, chance: random.Random) -> None:
        self.city, self.postgres, self.chance = city, postgres, chance
        self.minute = self.row = 0

    def at(self, *, late: int = 0) -> str:
        return f"'2024-01-01'::timestamptz + interval '{self.minute - late} minutes'"

    def write(self) -> None:
        """New rows, some at one moment, some late within the lag, and changes of older ones."""
        self.minute += self.chance.choice([0, 0, 1, 5, 30])
        for _ in range(self.chance.randint(0, 3)):
            self.row += 1
            moment = self.at(late=self.chance.choice([0, 0, 0, 3, 10]))
            self.postgres.execute(f"INSERT INTO events VALUES ('E{self.row}', {self.row}, {moment})")
        if self.row and self.chance.random() < 0.5:
            changed = self.chance.randint(1, self.row)
            self.postgres.execute(
                f"UPDATE events SET n = n + 1000, at = {self.at()} WHERE \"编号\" = 'E{changed}'"
            )

    def pull(self) -> None:
        """A pull alone: whoever loads it may have crashed. The clock of the node may have been set back."""
        if self.chance.random() < 0.3:
            self.city.now -= timedelta(days=1)
        pull(self.city.node, DATASET)

    def decide(self) -> None:
        """One pending delivery, not always the oldest, is loaded or refused."""
        node = self.city.node
        waiting = pending(node, DATASET)
        if waiting:
            delivery = self.chance.choice(waiting)
            refused = self.chance.random() < 0.3
            decision = Decision("refuse", "refused", "test") if refused else Decision("load", "accepted", "")
            assert commit_decision(node, delivery, stage(node, delivery), decision, expected=0)

    def undo(self) -> None:
        """One that was loaded is withdrawn."""
        node = self.city.node
        accepted = [row.delivery for row in ledger(node) if row.verdict == "accepted"]
        if accepted:
            decision = Decision("withdraw", "withdrawn", "test", "Li")
            assert withdraw(node, self.chance.choice(accepted), decision, expected=1)

    def tell(self) -> None:
        for _ in range(STEPS):
            self.chance.choices([self.write, self.pull, self.decide, self.undo], [6, 4, 4, 1])[0]()


@pytest.mark.parametrize("rule", ["latest", "history"])
def test_in_the_end_the_lake_is_the_table(city: City, postgres: Postgres, rule: str) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    city.declare(**COMMON, versions={"rule": rule, "by": "at"})
    story = Story(city, postgres, random.Random(seed))
    story.tell()
    story.minute += 1
    postgres.execute(f"INSERT INTO events VALUES ('last', 0, {story.at()})")
    walk.walk(city.node, DATASET)
    # The chain may be broken at its beginning only, and then all comes again.
    table = [tuple(row.split("|")) for row in postgres.execute('SELECT "编号", n FROM events').splitlines()]
    rows = city.rows('id, n, "at"')
    newest = {key: (at, n) for key, n, at in sorted(rows, key=lambda row: row[2])}
    assert sorted((key, str(n)) for key, (_, n) in newest.items()) == sorted(table)
    assert max(Counter((key, at) for key, _, at in rows).values()) == 1
    if rule == "latest":
        assert len(rows) == len(table)
    assert all(row.counts.balanced for row in ledger(city.node))


def test_a_pull_continues_from_one_that_nobody_has_loaded_yet(city: City, postgres: Postgres) -> None:
    city.declare(**COMMON)
    postgres.execute("INSERT INTO events VALUES ('E1', 1, '2024-01-01 10:00')")
    [first] = pull(city.node, DATASET)
    postgres.execute("INSERT INTO events VALUES ('E2', 2, '2024-01-01 11:00')")
    city.now -= timedelta(days=400)
    [second] = pull(city.node, DATASET)
    records = sidecars(city.node, DATASET)
    assert [record.id for record in records] == [first, second], "in the order of the pulls, by no clock"
    assert (records[1].since, records[1].cursor) == (records[0].cursor, last_cursor(city.node, DATASET))
    city.walk()
    assert city.rows() == [("E1", 1), ("E2", 2)]
