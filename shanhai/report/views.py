"""What each kind of page shows of the facts: which deliveries, in which order, and what belongs together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from shanhai.ids import WHOLE
from shanhai.ingest.records import CheckRecord
from shanhai.quality.scorecard import DIMENSIONS, Card, Ratio, lowest, merged, of_windows
from shanhai.report import chart
from shanhai.report.data import ReportData
from shanhai.report.dataset import DatasetFacts
from shanhai.report.delivery import DeliveryFacts
from shanhai.report.history import HistoryEntry, about_refused
from shanhai.report.refused import Refused, by_reason
from shanhai.report.words import Words
from shanhai.warehouse.publications import Publication, PublishedMart

CHARTED = 24
MATRIX = 12


@dataclass(frozen=True)
class MatrixLine:
    """One rule and its results over the last deliveries, None where a delivery was not checked by it."""

    rule: str
    dimension: str
    cells: tuple[CheckRecord | None, ...]

    @property
    def broken(self) -> bool:
        """Whether any delivery broke the rule."""
        return any(cell is not None and not cell.success for cell in self.cells)

    def heat(self, cell: CheckRecord) -> int:
        """How strongly a cell is coloured, 12 to 70 per cent, by its share of unexpected values."""
        return round(12 + 58 * min(1.0, (cell.unexpected / cell.total if cell.total else 0) * 4))


@dataclass(frozen=True)
class Score:
    """What a dimension is worth: its lowest indicator, and that one's ratio; None: not measured."""

    dimension: str
    indicator: str | None
    ratio: Ratio


def scores(card: Card) -> tuple[Score, ...]:
    """The six dimensions of a card, in the order of the standard."""
    found = []
    for dimension in DIMENSIONS:
        indicator = lowest(card, dimension)
        found.append(Score(dimension, indicator, card[indicator] if indicator else Ratio()))
    return tuple(found)


@dataclass(frozen=True)
class Moment:
    """One moment of a course: its label and link, its card, and the row that statements have for it.

    `window` is the row in the statement about windows, which know of days and not of deliveries.
    """

    label: str
    href: str
    card: Card
    row: tuple[str, ...]
    window: tuple[str, ...]


def courses(moments: Iterable[Moment]) -> dict[str, list[chart.Point]]:
    """The course of each dimension, from the oldest moment on."""
    found: dict[str, list[chart.Point]] = {dimension: [] for dimension in DIMENSIONS}
    for one in moments:
        for score in scores(one.card):
            row = (score.indicator or "", *(one.window if score.dimension == "timeliness" else one.row))
            point = chart.Point(one.label, one.href, score.ratio.good, score.ratio.total, row)
            found[score.dimension].append(point)
    return found


def lowest_score(card: Card) -> Score | None:
    """The lowest of the six dimensions; None where nothing was measured."""
    measured = [score for score in scores(card) if score.ratio.total]
    return min(measured, key=lambda score: score.ratio.good / score.ratio.total, default=None)


def worst(data: ReportData) -> tuple[DatasetFacts, Score] | None:
    """The lowest score of any dataset, and whose it is."""
    found = [(dataset, score) for dataset in data.datasets if (score := lowest_score(dataset.card))]
    return min(found, key=lambda pair: pair[1].ratio.good / pair[1].ratio.total, default=None)


def by_day(datasets: Iterable[DatasetFacts]) -> list[tuple[date, Card]]:
    """The cards of all deliveries of a day as one, the last days only, oldest first."""
    found: dict[date, list[Card]] = defaultdict(list)
    for dataset in datasets:
        for delivery in dataset.deliveries:
            if delivery.day is not None:
                found[delivery.day].append(delivery.card)
        for window in dataset.windows:
            found[window.day].append(of_windows([window], dataset.since))
    return [(day, merged(found[day])) for day in sorted(found)[-CHARTED:]]


def _days(district: str, datasets: Iterable[DatasetFacts]) -> Iterable[Moment]:
    for day, card in by_day(datasets):
        row = (district, day.isoformat())
        yield Moment(day.isoformat(), "", card, row, row)


def of_section(data: ReportData, section: str) -> dict[str, object]:
    """The facts of one of the pages that the menu names."""
    match section:
        case "index":
            return {"worst": worst(data)}
        case "scores":
            return {"trends": {name: courses(_days(name, own)) for name, own in data.by_district.items()}}
        case "quarantine":
            found = [(dataset, _reasons(dataset.deliveries)) for dataset in data.datasets]
            by_dataset = [(dataset, rows) for dataset, rows in found if rows]
            return {"by_dataset": by_dataset, "decided": _decided_on_refused(data)}
        case "drift":
            pairs = [(dataset, delivery) for dataset in data.datasets for delivery in dataset.deliveries]
            return {"held": [pair for pair in pairs if pair[1].verdict == "held"]}
        case "publications":
            return {"published": _published(data)}
        case _:
            return {}


def of_dataset(dataset: DatasetFacts, t: Words) -> dict[str, object]:
    """The facts of the page of a dataset: its course, its rules over the last deliveries, its limits."""
    shown = dataset.deliveries[-CHARTED:]
    places = [
        (
            t("partition.all") if delivery.id.partition == WHOLE else delivery.id.partition,
            f"../deliveries/{delivery.id.key}.html",
        )
        for delivery in shown
    ]
    recent = [delivery for delivery in dataset.deliveries if delivery.validation][-MATRIX:]
    tolerance = dataset.contract.tolerance if dataset.contract else None
    return {
        "bars": [chart.Bar(*place, one.counts) for place, one in zip(places, shown, strict=True)],
        "courses": courses(
            Moment(*place, _of_day(dataset, one), (str(one.id),), (str(one.day),))
            for place, one in zip(places, shown, strict=True)
        ),
        "hidden": len(dataset.deliveries) - len(shown),
        "recent": recent,
        "matrix": _matrix(recent),
        "limits": {"hold": tolerance.hold, "refuse": tolerance.refuse} if tolerance else {},
    }


def of_delivery(delivery: DeliveryFacts) -> dict[str, object]:
    """The facts of the page of a delivery: checks with the broken ones first, and reasons."""
    checks = sorted(_checks(delivery), key=lambda check: (check.success, -check.unexpected))
    return {"checks": checks, "reasons": _reasons([delivery])}


def _of_day(dataset: DatasetFacts, delivery: DeliveryFacts) -> Card:
    """The card of a delivery, with the punctuality of its window."""
    own = [window for window in dataset.windows if window.day == delivery.day]
    return merged((delivery.card, of_windows(own, dataset.since)))


def _reasons(deliveries: Iterable[DeliveryFacts]) -> tuple[tuple[str, Refused], ...]:
    return by_reason(count for delivery in deliveries for count in delivery.quarantine)


def _decided_on_refused(data: ReportData) -> list[HistoryEntry]:
    """What decided what becomes of refused rows, newest first."""
    found = [entry for one in data.deliveries for entry in about_refused(one.history)]
    return sorted(found, key=lambda entry: (entry.at, entry.table_version, entry.number), reverse=True)


def place(origin: str) -> str:
    """Where a body came from, without the folders of this machine: a web address, or a file's name."""
    return origin if "://" in origin else origin.rpartition("/")[2]


def _published(data: ReportData) -> list[tuple[Publication, list[tuple[PublishedMart, bool]]]]:
    """The publications, newest first, and of each mart whether that publication gave it a new version."""
    found = []
    before: Mapping[str, PublishedMart] = {}
    for publication in data.publications:
        marts = [(mart, before.get(mart.name) != mart) for mart in publication.marts]
        found.append((publication, marts))
        before = {mart.name: mart for mart in publication.marts}
    return found[::-1]


def _matrix(recent: list[DeliveryFacts]) -> list[MatrixLine]:
    results = [{check.rule: check for check in _checks(delivery)} for delivery in recent]
    rules: dict[str, str] = {}
    for found in reversed(results):
        for check in found.values():
            rules.setdefault(check.rule, check.dimension)
    return [
        MatrixLine(rule, dimension, tuple(found.get(rule) for found in results))
        for rule, dimension in rules.items()
    ]


def _checks(delivery: DeliveryFacts) -> tuple[CheckRecord, ...]:
    return delivery.validation.checks if delivery.validation else ()
