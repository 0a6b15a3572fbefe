"""From what a person types to the dataset or delivery that is meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from shanhai.cli.session import Session
from shanhai.contracts.near import no_such_dataset
from shanhai.errors import ConfigurationError, NotFoundError, as_typed
from shanhai.ids import DatasetId, DeliveryId

_SHOWN = 8
_MIN_DIGEST = 4
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_OF_A_DURATION = 12
"""Digits, at most."""
_OF_A_POSITION = 18
"""The same, so that a position is a whole number of eight bytes."""


class DatasetType(click.ParamType[DatasetId]):
    """`<district>.<dataset>`; what has another form is an error of the same class as a name that is none.

    Attributes:
        is_new: it is not declared yet, so that no declared one can have been meant.
    """

    name = "dataset"

    def __init__(self, *, is_new: bool = False) -> None:
        self.is_new = is_new

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> DatasetId:
        if isinstance(value, DatasetId):
            return value
        try:
            return DatasetId.parse(str(value))
        except ConfigurationError:
            session = ctx.find_object(Session) if ctx is not None else None
            if self.is_new or session is None:
                raise
            raise no_such_dataset(str(value), session.federation.datasets) from None


DATASET = DatasetType()
NEW_DATASET = DatasetType(is_new=True)


class RowType(click.ParamType[tuple[str, int]]):
    """`<body>:<position>`: one row in quarantine."""

    name = "row"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        body, colon, position = str(value).rpartition(":")
        if not (body and colon and position.isascii() and position.isdigit()):
            self.fail("a row is <body>:<position>, as `shanhai quarantine show` names it", param, ctx)
        if len(position) > _OF_A_POSITION:
            most = f"a position has up to {_OF_A_POSITION} digits"
            self.fail(f"no body has so many records: {most}", param, ctx)
        return body, int(position)


ROW = RowType()


class DurationType(click.ParamType[int]):
    """A number and a unit, as `90s`, `5m`, `12h` or `30d`; its value is in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        count, unit = str(value)[:-1], str(value)[-1:]
        if not (count.isascii() and count.isdigit() and len(count) <= _OF_A_DURATION and unit in _SECONDS):
            self.fail("a duration is a number with s, m, h or d, as 12h", param, ctx)
        return int(count) * _SECONDS[unit]


DURATION = DurationType()


def declared(session: Session, *datasets: DatasetId | None) -> None:
    """Make sure that each dataset is one of the federation; None stands for all of them.

    Raises:
        NotFoundError: one is not.
    """
    known = session.federation.datasets
    for dataset in datasets:
        if dataset is not None and dataset not in known:
            raise no_such_dataset(str(dataset), known)


def has_windows(session: Session, dataset: DatasetId) -> bool:
    """Whether a window means anything to a dataset: to its source, or to the calendar that it comes by."""
    from shanhai.contracts.partitions import asks_for_windows

    contract = session.federation.contract(dataset)
    return asks_for_windows(contract) or contract.schedule.cron is not None


def check_windows(session: Session, dataset: DatasetId, windows: Iterable[str]) -> None:
    """Make sure that no window is asked of a dataset that has none: it would be let pass, and pull all.

    Raises:
        ConfigurationError: one is.
    """
    asked = [as_typed(window) for window in windows]
    if asked and not has_windows(session, dataset):
        raise ConfigurationError(
            f"{dataset} has no windows: it is pulled as it is",
            given=f"--window {', '.join(asked)}",
            allowed="no window",
            hint=f"nothing was pulled; shanhai walk {dataset}",
        )


def find_delivery(known: Iterable[DeliveryId], text: str) -> DeliveryId:
    """The one delivery that `text` means.

    Args:
        known: every delivery of the node.
        text: a prefix of its text form, or of its snapshot's digest (four digits or more).

    Raises:
        NotFoundError: none or several are meant; the candidates are named.
    """
    deliveries = sorted(set(known))
    exact = [delivery for delivery in deliveries if text in (str(delivery), delivery.short, delivery.key)]
    meant = exact or [delivery for delivery in deliveries if _begins(delivery, text)]
    if len(meant) == 1:
        return meant[0]
    candidates = [delivery.short for delivery in (meant or _near(deliveries, text) or deliveries)]
    more = [f"and {len(candidates) - _SHOWN} more"] if len(candidates) > _SHOWN else []
    raise NotFoundError(
        "several deliveries begin like this" if meant else "no such delivery",
        given=text,
        allowed=[*candidates[:_SHOWN], *more] or "nothing has been pulled yet",
        hint="shanhai delivery list",
    )


def _near(deliveries: list[DeliveryId], text: str) -> list[DeliveryId]:
    """Those of which dataset and partition are nearly the text, the nearest first."""
    import difflib

    named: dict[str, list[DeliveryId]] = {}
    for delivery in deliveries:
        named.setdefault(f"{delivery.dataset}/{delivery.partition}", []).append(delivery)
    alike = difflib.get_close_matches(text, named, n=_SHOWN, cutoff=0.8)
    return [delivery for name in alike for delivery in named[name]]


def _begins(delivery: DeliveryId, text: str) -> bool:
    return str(delivery).startswith(text) or (len(text) >= _MIN_DIGEST and delivery.snapshot.startswith(text))
