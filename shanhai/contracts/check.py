"""What must hold between the parts of a contract, beyond the form of each."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Callable
from zoneinfo import ZoneInfo

from shanhai.contracts.coordinates import SYSTEMS, axis_of, is_projected
from shanhai.contracts.feeds import feed_parts
from shanhai.contracts.incremental import check_incremental
from shanhai.contracts.model import (
    Column,
    Contract,
    CsvFormat,
    Feed,
    GeoJsonFormat,
    JsonFormat,
    NdjsonFormat,
)
from shanhai.contracts.quantities import QUANTITIES
from shanhai.contracts.schedule import check_schedule
from shanhai.contracts.schema import PARTITION
from shanhai.contracts.shapes import SHAPES
from shanhai.contracts.since import check_since
from shanhai.contracts.validity import ORDERED, VALIDITY, has_history
from shanhai.errors import ContractError

Complain = Callable[..., ContractError]

_RESERVED = ("rowid", "file_row_number", "filename")
_SAMPLE = "a,1\n"
_NO_FILES = ("rot13", "idna", "punycode", "undefined")
_TEMPORAL = ("date", "timestamp", "time")
_BOUNDED = ("integer", "number")


def check_contract(contract: Contract, complain: Complain) -> None:
    """Raise the first contradiction in `contract`.

    Args:
        contract: a contract whose parts have the right form.
        complain: makes an error of a message, the path in the file, `given` and `allowed`.

    Raises:
        ContractError: as made by `complain`.
    """
    _check_columns(contract, complain)
    _check_versions(contract, complain)
    _check_zone(contract.time_zone, ["customProperties", "timeZone"], complain)
    _check_encoding(contract, complain)
    check_schedule(contract, complain)
    check_incremental(contract, complain)
    check_since(contract, complain)
    _check_feeds(contract, complain)


def _check_columns(contract: Contract, complain: Complain) -> None:
    for kind, values in (
        ("name", [column.name for column in contract.columns]),
        ("source", [source for column in contract.columns for source in column.sources]),
    ):
        repeated = [value for value, count in Counter(values).items() if count > 1]
        if repeated:
            raise complain(
                f"two columns have the same {kind}",
                ["schema", 0, "properties"],
                given=repeated[0],
                allowed=f"each {kind} once, aliases included" if kind == "source" else f"each {kind} once",
            )
    for position, column in enumerate(contract.columns):
        path: list[str | int] = ["schema", 0, "properties", position]
        if column.name in _RESERVED or column.name.endswith("__value"):
            raise complain(
                "a reserved name of a column",
                path,
                given=column.name,
                allowed=f"anything but {', '.join(_RESERVED)} and names that end in __value",
            )
        _check_options(column, path, complain)
        _check_coordinate(column, path, complain)
        if column.time_zone is not None:
            _check_zone(column.time_zone, path, complain)
        both = [source for source in column.sources if source in contract.ignored]
        if both:
            raise complain(
                "a column is both declared and ignored", path, given=both[0], allowed="one of the two"
            )


def _check_options(column: Column, path: list[str | int], complain: Complain) -> None:
    wrong = [
        ("minimum and maximum", _BOUNDED, column.minimum is not None or column.maximum is not None),
        (
            "minLength and maxLength",
            ("string",),
            column.min_length is not None or column.max_length is not None,
        ),
        ("pattern", ("string",), column.pattern is not None),
        ("validators", ("string",), bool(column.validators)),
        ("formats", _TEMPORAL, bool(column.formats)),
        ("timeZone", ("timestamp",), column.time_zone is not None),
    ]
    for option, types, used in wrong:
        if used and column.type not in types:
            raise complain(
                f"{column.name}: {option} of a {column.type}", path, given=column.type, allowed=types
            )
    for low, high, what in (
        (column.minimum, column.maximum, "minimum"),
        (column.min_length, column.max_length, "minLength"),
    ):
        if low is not None and high is not None and low > high:
            raise complain(
                f"{column.name}: {what} exceeds its maximum", path, given=low, allowed=f"<= {high}"
            )


def _check_coordinate(column: Column, path: list[str | int], complain: Complain) -> None:
    """Systems differ by hundreds of metres: whoever reads a coordinate must be told which one it is in."""
    axis, crs = axis_of(column), column.crs
    if axis is not None and column.type != "number":
        raise complain(f"{column.name}: a {axis} is a number", path, given=column.type, allowed="number")
    if axis is not None and crs not in SYSTEMS:
        raise complain(f"{column.name}: a {axis} states its system", path, given=crs, allowed=SYSTEMS)
    if axis is None and crs is not None and not is_projected(crs):
        raise complain(
            f"{column.name}: crs of a column that is neither longitude nor latitude",
            path,
            given=crs,
            allowed=f"an authority's number such as EPSG:4549; columns in {', '.join(SYSTEMS)} are called "
            "longitude or latitude",
        )


def _check_versions(contract: Contract, complain: Complain) -> None:
    versions, path = contract.versions, ["customProperties", "versions"]
    if versions.rule in ("latest", "history"):
        if not contract.key:
            raise complain(
                f"versions: {versions.rule} needs a primary key",
                path,
                given="no column with primaryKey",
                allowed="primaryKey: true of the columns that tell one thing from another",
            )
        if versions.by not in contract.names:
            raise complain(
                f"versions: {versions.rule} by an unknown column",
                path,
                given=versions.by,
                allowed=contract.names,
            )
        if not contract.column(versions.by).required:
            raise complain(
                "versions: the column that orders versions must be required",
                path,
                given=f"{versions.by}, not required",
                allowed="a column with required: true",
            )
        if has_history(contract):
            _check_history(contract, contract.column(versions.by), complain)
    elif versions.by is not None:
        raise complain(
            f"versions: {versions.rule} takes no `by`",
            path,
            given=f"by: {versions.by}",
            allowed="no by, or rule: latest or history",
        )
    if versions.rule == "replace" and contract.duplicates == "table":
        # A row dropped as a copy of another partition's would be lost when that partition is replaced.
        raise complain(
            "versions: replace settles duplicates within a delivery",
            ["customProperties", "duplicates"],
            given=contract.duplicates,
            allowed="delivery, none",
        )
    if versions.rule == "replace" and contract.delivery.partition.by == "none":
        raise complain(
            "versions: replace needs a partition", path, given="none", allowed="file, window, edition"
        )


def _check_history(contract: Contract, by: Column, complain: Complain) -> None:
    path = ["customProperties", "versions"]
    if by.type not in ORDERED:
        raise complain(
            "versions: a version is in force from a moment, or a number, on",
            path,
            given=f"{by.name}, {by.type}",
            allowed=ORDERED,
        )
    if by.name in contract.key:
        raise complain(
            "versions: the key names the thing, not the version of it",
            path,
            given=f"{by.name} in the key",
            allowed="a key without it",
            hint="with it every version would be the only one of its key",
        )
    taken = [name for name in VALIDITY if name in contract.names]
    if taken:
        raise complain(
            "versions: the staging model of a history says this itself",
            ["schema", 0, "properties"],
            given=taken[0],
            allowed="another name of the column; `source` has the heading",
        )


def _check_zone(zone: str, path: list[str | int], complain: Complain) -> None:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise complain("unknown time zone", path, given=zone, allowed="an IANA name") from error


def _check_encoding(contract: Contract, complain: Complain) -> None:
    if isinstance(contract.format, CsvFormat | JsonFormat | NdjsonFormat | GeoJsonFormat):
        encoding = contract.format.encoding
        try:
            # A codec for text that reads what it wrote; `rot13`, `idna` and their like are none for files.
            known = codecs.lookup(encoding).name not in _NO_FILES
            known = known and _SAMPLE.encode(encoding).decode(encoding) == _SAMPLE
        except (LookupError, UnicodeError):
            known = False
        if not known:
            raise complain(
                "unknown encoding",
                ["customProperties", "format"],
                given=encoding,
                allowed="utf-8, gb18030, utf-16, or another text encoding of Python",
            )


def _check_feeds(contract: Contract, complain: Complain) -> None:
    path: list[str | int] = ["customProperties", "feeds"]
    for position, feed in enumerate(contract.feeds):
        _check_feed(contract, feed, [*path, position] if len(contract.feeds) > 1 else path, complain)


def _check_feed(contract: Contract, feed: Feed, path: list[str | int], complain: Complain) -> None:
    shape = SHAPES.get(feed.shape)
    if shape is None:
        raise complain("feeds an unknown shape", path, given=feed.shape, allowed=SHAPES)
    names = {column.name for column in shape.columns}
    for target in (*feed.columns, *feed.needs):
        if target not in names:
            raise complain(
                f"feeds: {feed.shape} has no such column", path, given=target, allowed=sorted(names)
            )
    values = {**feed.columns, **feed.readings}
    origins = [(target, value.column) for target, value in values.items()]
    conditions = [(target, value.when) for target, value in values.items()] + [("where", feed.where)]
    for target, name in origins + [(target, when.column) for target, when in conditions if when is not None]:
        if name is not None and name not in (*contract.names, PARTITION):
            raise complain(f"feeds: {target} names no column", path, given=name, allowed=contract.names)
    fed = {*feed.columns, *(("quantity", "value") if feed.readings else ())}
    if feed.readings:
        _check_readings(feed, path, complain)
    missing = [
        column.name
        for column in shape.columns
        if column.required and column.default is None and column.name not in fed
    ]
    if missing:
        raise complain(f"feeds: {feed.shape} needs", path, given="nothing", allowed=missing)
    try:
        feed_parts(contract.model_copy(update={"feeds": (feed,)}), shape)
    except ContractError as error:
        raise complain(error.complaint, path, given=error.given, allowed=error.allowed) from error


def _check_readings(feed: Feed, path: list[str | int], complain: Complain) -> None:
    if feed.shape != "reading":
        raise complain("feeds: readings of another shape", path, given=feed.shape, allowed="reading")
    for name in ("quantity", "value"):
        if name in feed.columns:
            raise complain("feeds: readings already say it", path, given=name, allowed="readings alone")
    for quantity in feed.readings:
        if quantity not in QUANTITIES:
            raise complain("feeds: an unknown quantity", path, given=quantity, allowed=QUANTITIES)
