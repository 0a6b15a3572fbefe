"""What a contract means to Shanhai: frozen values, read from an ODCS file by `shanhai.contracts.load`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from shanhai.contracts.formats import CsvFormat as CsvFormat
from shanhai.contracts.formats import Format as Format
from shanhai.contracts.formats import GeoJsonFormat as GeoJsonFormat
from shanhai.contracts.formats import JsonFormat as JsonFormat
from shanhai.contracts.formats import NdjsonFormat as NdjsonFormat
from shanhai.contracts.formats import ParquetFormat as ParquetFormat
from shanhai.contracts.formats import WorkbookFormat as WorkbookFormat
from shanhai.contracts.queries import Query
from shanhai.contracts.refusals import WrongValueError
from shanhai.contracts.retention import Retention
from shanhai.ids import DatasetId

ColumnType = Literal["string", "integer", "number", "boolean", "date", "timestamp", "time"]
Classification = Literal["general", "important", "core"]
ShareClass = Literal["unconditional", "conditional", "not_shared"]
Level = Literal["province", "city", "district", "street", "community"]
Validator = Literal["resident_id", "social_credit_code", "area_code", "gb28181_id"]

MOST_CHARACTERS = 2**31 - 1
MOST_DIGITS = 38
"""Of a DECIMAL."""
MOST_HOURS = 87_600
"""Ten years: whatever is added to a moment of today stays one."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise WrongValueError(
            f"not a regular expression: {error}",
            allowed="an RE2 expression such as ^[A-Z]{2}[0-9]+$",
            hint=r"what means itself is escaped: \( \[ \.",
        ) from error


class Column(_Frozen):
    """One column of a dataset: where it comes from, what it must satisfy, and who may see it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    source: str = Field(min_length=1, description="heading, or dotted path in a JSON record")
    aliases: tuple[str, ...] = Field(default=(), description="what `source` was called in other deliveries")
    type: ColumnType
    description: str = ""
    title: str = ""
    required: bool = False
    precision: tuple[int, int] | None = Field(
        default=None, description="(digits, decimals) of an exact number; None: floating point"
    )
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = Field(default=None, ge=0, le=MOST_CHARACTERS)
    max_length: int | None = Field(default=None, ge=0, le=MOST_CHARACTERS)
    pattern: str | None = Field(default=None, description="RE2 expression the whole text must match")
    codes: tuple[str, ...] = ()
    formats: tuple[str, ...] = Field(default=(), description="strptime formats, tried in order")
    time_zone: str | None = Field(
        default=None, description="IANA zone of a timestamp without offset; None: the contract's"
    )
    unit: str | None = None
    crs: str | None = Field(
        default=None, description="coordinate system: WGS84, CGCS2000, GCJ02, BD09, EPSG:… or ESRI:…"
    )
    classification: Classification = "general"
    personal: bool = False
    validators: tuple[Validator, ...] = ()
    full_width: bool = Field(default=False, description="full-width digits and letters become half-width")
    null_tokens: tuple[str, ...] = Field(default=(), description="texts that mean missing, beside empty")
    since: str | None = Field(
        default=None, min_length=1, description="first window, partition or moment of pull that has it"
    )

    @property
    def tells_values(self) -> bool:
        """Whether its values may stand where more people see them than the rows: in the books, in a log."""
        return not self.personal and self.classification == "general"

    @property
    def sources(self) -> tuple[str, ...]:
        """The headings or paths that may fill the column: its source, then its aliases."""
        return (self.source, *self.aliases)

    @field_validator("precision")
    @classmethod
    def _is_a_decimal(cls, precision: tuple[int, int] | None) -> tuple[int, int] | None:
        if precision is not None and not (
            1 <= precision[0] <= MOST_DIGITS and 0 <= precision[1] <= precision[0]
        ):
            raise WrongValueError(
                "not a decimal number of the lake",
                allowed=f"DECIMAL(digits,decimals), of 1 to {MOST_DIGITS} digits, no more of them decimals",
            )
        return precision

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            _compiled(pattern)
        return pattern


class Source(_Frozen):
    """Which connector fetches the bytes, from which named endpoint, with which options."""

    connector: str
    endpoint: str = Field(description="a name in the endpoints of district.yml")
    options: dict[str, Any] = Field(default_factory=dict, description="checked by the connector")


class Partition(_Frozen):
    """How a delivery gets its partition; never from the clock.

    none: one partition, `all`. file: the group `partition` of `pattern` in the body's name.
    window: the requested window's key. edition: like file, naming an edition.
    """

    by: Literal["none", "file", "window", "edition"] = "none"
    pattern: str | None = None

    @model_validator(mode="after")
    def _pattern_where_needed(self) -> Partition:
        if self.by in ("file", "edition"):
            if self.pattern is None or "partition" not in _compiled(self.pattern).groupindex:
                raise WrongValueError(
                    f"by {self.by} needs a pattern with a group that is called partition",
                    allowed=r"a pattern of a body's name such as '(?P<partition>\d{4}-\d\d)\.csv$'",
                )
        elif self.pattern is not None:
            raise WrongValueError(
                f"by {self.by} takes no pattern", allowed="by: file or edition, or no pattern"
            )
        return self


class Delivering(_Frozen):
    """Whether each file is a delivery, or all bodies of one pull are."""

    per: Literal["file", "pull"] = "file"
    partition: Partition = Partition()


class Versions(_Frozen):
    """What happens when a key, or a partition, arrives again.

    append: every row stays. replace: the newest delivery of a partition replaces the earlier ones.
    latest: of one key the row with the greatest `by` stays; equal ones are settled by the other columns.
    history: of one key a row for each `by` stays; those with an equal one are settled in the same way.
    """

    rule: Literal["append", "replace", "latest", "history"] = "append"
    by: str | None = None


class Tolerance(_Frozen):
    """Shares of bad rows above which a delivery is held for a person, or refused."""

    hold: float = Field(default=0.05, ge=0, le=1)
    refuse: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> Tolerance:
        if self.hold > self.refuse:
            raise WrongValueError("hold must not exceed refuse", allowed=f"hold up to {self.refuse}")
        return self


class Schedule(_Frozen):
    """When a dataset is pulled, on the district's own calendar."""

    cron: str | None = Field(
        default=None, description="five fields, in the contract's time zone; None: on request"
    )
    window: str = Field(default="%Y-%m-%d", description="strftime form of a window's key")
    start: str | None = Field(default=None, description="first day, ISO")
    end: str | None = Field(default=None, description="last day, ISO; None: open")
    due_hours: float | None = Field(
        default=None,
        gt=0,
        le=MOST_HOURS,
        description="hours after a window's start when its delivery is late",
    )


class Condition(_Frozen):
    """Holds for rows in which a column has one of some codes; a missing value is none of them."""

    column: str
    codes: tuple[str, ...] = Field(alias="in", min_length=1)


class FeedValue(_Frozen):
    """How one column of a canonical shape is filled: from a column, a constant, or a code mapping."""

    column: str | None = None
    value: str | None = None
    codes: dict[str, str] = Field(default_factory=dict, description="code of the source → code of the shape")
    when: Condition | None = Field(default=None, description="where it does not hold, the value is missing")

    @field_validator("value", mode="before")
    @classmethod
    def _numbers_are_texts(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one_origin(self) -> FeedValue:
        if (self.column is None) == (self.value is None):
            raise WrongValueError(
                "is filled by one of column and value", allowed="column or value, one of them"
            )
        if self.codes and self.column is None:
            raise WrongValueError("codes need a column", allowed="column and codes, or value alone")
        return self


class Feed(_Frozen):
    """A canonical shape that a dataset feeds, and how.

    `readings` is short for one feed a quantity: the same columns, `quantity` and `value` from the
    mapping, and no row where the value is missing.
    """

    shape: str
    columns: dict[str, FeedValue]
    readings: dict[str, FeedValue] = Field(
        default_factory=dict, description="quantity → its column, of a row with several"
    )
    where: Condition | None = Field(default=None, description="rows that feed; None: all")
    needs: tuple[str, ...] = Field(
        default=(), description="columns of the shape without which a row feeds nothing"
    )


class Contract(_Frozen):
    """One dataset's promise, complete: everything else is generated from it."""

    dataset: DatasetId
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    status: str
    title: str
    description: str = ""
    level: Level
    share_class: ShareClass
    licence: str = ""
    time_zone: str = "Asia/Shanghai"
    columns: tuple[Column, ...] = Field(min_length=1)
    queries: tuple[Query, ...] = ()
    key: tuple[str, ...] = ()
    source: Source
    format: Format
    delivery: Delivering = Delivering()
    duplicates: Literal["delivery", "table", "none"] = "delivery"
    versions: Versions = Versions()
    tolerance: Tolerance = Tolerance()
    schedule: Schedule = Schedule()
    feeds: tuple[Feed, ...] = ()
    ignored: tuple[str, ...] = Field(default=(), description="source headings left out on purpose")
    retention: Retention | None = Field(default=None, description="None: the district's")
    path: Path
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")

    def column(self, name: str) -> Column:
        """The column called `name`.

        Raises:
            KeyError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in the contract's order."""
        return tuple(column.name for column in self.columns)
