"""What the marts must say after all deliveries: reckoned from the generated rows, without SQL."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from infra.simulator import catalogue
from infra.simulator.deliveries import Cell
from infra.simulator.happenings import SHANGHAI

Record = Mapping[str, Cell]
_NARROW = str.maketrans("０１２３４５６７８９．ＬＹ", "0123456789.LY")


@dataclass(frozen=True)
class Level:
    """One day or night of one monitor: `came` of `expected` minutes, equivalent level in dB."""

    came: int
    expected: int
    laeq_db: float


def kept(dataset: str, key: tuple[str, ...], newest: str | None = None) -> list[dict[str, Cell]]:
    """The records that the lake ends with, one a key: the greatest `newest`, else the last partition's."""
    found: dict[tuple[Cell, ...], tuple[object, dict[str, Cell]]] = {}
    generated = catalogue.dataset(dataset)
    names = [column.name for column in generated.columns]
    for delivery in generated.deliveries:
        if delivery.verdict != "accepted":
            continue
        for row in delivery.rows:
            if row.fate != "good":
                continue
            record = dict(zip(names, row.values, strict=True))
            identity = tuple(_narrow(record[name]) for name in key)
            order = instant(record[newest]) if newest else (delivery.partition, delivery.name)
            if identity not in found or order >= found[identity][0]:  # type: ignore[operator]
                found[identity] = (order, record)
    return [record for _, record in found.values()]


def instant(cell: Cell) -> dt.datetime | None:
    """A time as any of the three systems writes it; None where there is none."""
    if isinstance(cell, dt.datetime):
        return cell.replace(tzinfo=SHANGHAI)
    text = str(cell or "")
    if not text or text == "-":
        return None
    if "/" in text:
        return dt.datetime.strptime(text, "%Y/%m/%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    return dt.datetime.fromisoformat(text)


def _known(cell: Cell) -> dt.datetime:
    at = instant(cell)
    if at is None:
        raise ValueError("a required time is missing in a good row")
    return at


def noise() -> dict[tuple[str, str, str], Level]:
    """(monitor, date, day or night) → its level; a night bears the date on which it begins."""
    energies: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for record in kept("gongshu.noise", ("monitor_id", "measured_at")):
        at = _known(record["measured_at"])
        is_day = 6 <= at.hour < 22
        date = at.date() - dt.timedelta(days=at.hour < 6)
        period = "day" if is_day else "night"
        level = float(str(record["laeq_db"]))
        energies[str(record["monitor_id"]), date.isoformat(), period].append(10 ** (level / 10))
    hours = {"day": 16, "night": 8}
    return {
        key: Level(len(found), hours[key[2]] * 60, round(10 * math.log10(math.fsum(found) / len(found)), 1))
        for key, found in energies.items()
    }


def alerts(flat_hours: int = 48, silent_hours: int = 24) -> set[tuple[str, str, dt.datetime, bool]]:
    """(meter, kind, raised at, whether it lasts) of every water meter that somebody should look at."""
    readings: dict[str, list[tuple[dt.datetime, Decimal]]] = defaultdict(list)
    for record in kept("longyou.water_meters", ("meter_id", "read_at"), "updated_at"):
        at = _known(record["read_at"])
        readings[str(record["meter_id"])].append((at, Decimal(str(_narrow(record["reading_m3"])))))
    as_of = max(at for found in readings.values() for at, _ in found)
    told = ((meter, sorted(found)) for meter, found in readings.items())
    return {
        (meter, *alert)
        for meter, found in told
        for alert in _alerts(found, as_of, dt.timedelta(hours=flat_hours), dt.timedelta(hours=silent_hours))
    }


def _alerts(
    readings: list[tuple[dt.datetime, Decimal]], as_of: dt.datetime, flat: dt.timedelta, silent: dt.timedelta
) -> Iterator[tuple[str, dt.datetime, bool]]:
    since, raised = readings[0][0], None
    for (before, shown), (at, value) in itertools.pairwise(readings):
        if at - before >= silent:
            yield "silent", before + silent, False
        if value < shown:
            yield "backwards", at, False
        if value != shown or at - before >= silent:
            if raised is not None:
                yield "flat", raised, False
            since, raised = at, None
        elif raised is None and at - since >= flat:
            raised = at
    if raised is not None:
        yield "flat", raised, True
    if as_of - readings[-1][0] >= silent:
        yield "silent", readings[-1][0] + silent, True


STAMPS = ("reported", "signed", "dispatched", "arrived", "solved", "verified")
_CLOSED = {"gongshu.events": "closed", "longyou.events": "已办结", "zhaohua.events": "办结"}
_CANCELLED = {"gongshu.events": "cancelled", "longyou.events": "已作废", "zhaohua.events": "作废"}


@dataclass(frozen=True)
class Step:
    """One step of a clock over all events that count: how many, and the minutes measured, ascending."""

    n: int
    missing: int
    impossible: int
    minutes: tuple[float, ...]

    def met(self, limit: float) -> int:
        """How many of the measured took at most `limit` minutes."""
        return sum(taken <= limit for taken in self.minutes)


def step(dataset: str, stamp: str) -> Step:
    """What became of `stamp`, counted from the report, over all three days."""
    states: Counter[str] = Counter()
    minutes = []
    for record in kept(dataset, ("event_id",), "updated_at"):
        if record["status"] == _CANCELLED[dataset]:
            continue
        stamps = {name: instant(record.get(f"{name}_at")) for name in STAMPS}
        if record["status"] != _CLOSED[dataset]:
            stamps["solved"] = None
        state = _state(stamps, stamp)
        states[state] += 1
        reported, reached = stamps["reported"], stamps[stamp]
        if state == "measured" and reported and reached:
            minutes.append((reached - reported).total_seconds() / 60)
    return Step(states.total(), states["missing"], states["impossible"], tuple(sorted(minutes)))


def _state(stamps: Mapping[str, dt.datetime | None], stamp: str) -> str:
    reached = stamps[stamp]
    if reached is None or stamps["reported"] is None:
        return "missing"
    earlier = [stamps[name] for name in STAMPS[: STAMPS.index(stamp)]]
    return "impossible" if any(at is not None and at > reached for at in earlier) else "measured"


def colours(dataset: str, key: str, updated: str) -> Counter[str]:
    """How many subjects are green, yellow and red, to the newest update; a boundary day is green."""
    dates = [_date(record[updated]) for record in kept(dataset, (key,))]
    as_of = max(day for day in dates if day is not None)
    return Counter(
        "red" if day is None else "green" if half_a_year_after(day) >= as_of else "yellow" for day in dates
    )


def half_a_year_after(day: dt.date) -> dt.date:
    """The same day six months later, or the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + 6, 12)
    following = dt.date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (following - dt.timedelta(days=1)).day
    return dt.date(year, month + 1, min(day.day, last))


def _date(cell: Cell) -> dt.date | None:
    return cell.date() if isinstance(cell, dt.datetime) else None


def _narrow(cell: Cell) -> Cell:
    return cell.translate(_NARROW) if isinstance(cell, str) else cell
