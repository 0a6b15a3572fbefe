"""Since when a source gives a column: a delivery that is older may lack it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from shanhai.contracts.model import Column, Contract
from shanhai.contracts.partitions import asks_for_windows, natural_order
from shanhai.contracts.window_keys import first_day
from shanhai.errors import ContractError

Place = datetime | tuple[tuple[int, int, str], ...]


@dataclass(frozen=True)
class Age:
    """What tells how old a delivery is; none of it ever changes.

    Attributes:
        window: the window that it was pulled for.
        pulled_at: timezone-aware.
    """

    partition: str
    window: str | None
    pulled_at: datetime


def is_older(contract: Contract, column: Column, age: Age) -> bool:
    """Whether a delivery is from before the source gave a column; never, where no `since` is stated.

    What was pulled when does not matter where partitions are told by names or windows: a backfill of older
    ones is older, however late it comes.
    """
    own = _place_of(contract, age)
    if column.since is None or own is None:
        return False
    return own < place(contract, column.since)  # type: ignore[operator]  # of one contract, of one kind


def not_given_yet(
    contract: Contract, age: Age, missing: Collection[str], filled: Mapping[str, int]
) -> tuple[str, ...]:
    """Headings of columns that came later, where a delivery has no heading, or no value in any row.

    Both say the same: of records no heading is missed that need not be there, and a database that gained a
    column gives it empty for the days before.

    Args:
        missing: headings that the delivery lacks.
        filled: how many values each column has.
    """
    return tuple(
        column.source
        for column in contract.columns
        if (column.source in missing or not filled[column.name]) and is_older(contract, column, age)
    )


def since_of(contract: Contract, age: Age) -> str | None:
    """The `since` of a column that a delivery is the first to have; None where its name tells no order."""
    if _is_named(contract):
        return age.partition if any(one.isdecimal() for one in age.partition) else None
    if asks_for_windows(contract):
        return age.window
    return age.pulled_at.astimezone(ZoneInfo(contract.time_zone)).isoformat(timespec="seconds")


def place(contract: Contract, since: str) -> Place:
    """Where a `since` stands among the deliveries of a contract.

    Raises:
        ValueError: it is no key of a window, or no moment.
    """
    zone = ZoneInfo(contract.time_zone)
    if _is_named(contract):
        return natural_order(since)
    if asks_for_windows(contract):
        return datetime.combine(first_day(contract.schedule.window, since), time.min, zone)
    moment = datetime.fromisoformat(since)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def check_since(contract: Contract, complain: Callable[..., ContractError]) -> None:
    """Raise the first `since` that cannot be.

    Args:
        complain: makes an error of a message, the path in the file, `given` and `allowed`.

    Raises:
        ContractError: as made by `complain`.
    """
    for position, column in enumerate(contract.columns):
        path = ["schema", 0, "properties", position]
        if column.since is None:
            continue
        if column.required or column.name in contract.key:
            raise complain(
                f"{column.name}: since of a required column",
                path,
                given=column.since,
                allowed="a column that is not required: rows from before have no value in it",
            )
        try:
            place(contract, column.since)
        except ValueError as error:
            raise complain(
                f"{column.name}: since when?", path, given=column.since, allowed=_forms(contract)
            ) from error


def _forms(contract: Contract) -> str:
    """What a `since` is, in words."""
    if _is_named(contract):
        return "the name of a partition"
    if asks_for_windows(contract):
        return f"the key of a window, {contract.schedule.window}"
    return "a day or a moment by ISO 8601, such as 2024-03-05"


def _place_of(contract: Contract, age: Age) -> Place | None:
    if _is_named(contract):
        return natural_order(age.partition)
    if not asks_for_windows(contract):
        return age.pulled_at
    try:
        return None if age.window is None else place(contract, age.window)
    except ValueError:
        return None


def _is_named(contract: Contract) -> bool:
    return contract.delivery.partition.by in ("file", "edition")
