"""How the bytes of a source are written: one frozen model a format, and their union."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from shanhai.contracts.refusals import WrongValueError

Compression = Literal["auto", "none", "gz", "zip"]

MOST_LINES = 2**20
"""Before the headings; a sheet has no more rows."""
MOST_SHEETS = 2**16
LONGEST_LINE = 2**30
"""Bytes: a line is held in memory."""

_RANGE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})(?::([A-Z]{1,3})([1-9][0-9]{0,6})?)?")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CsvFormat(_Frozen):
    """Delimited text in the dialect and the encoding that the contract states."""

    kind: Literal["csv"] = "csv"
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=4)
    quote: str = Field(default='"', max_length=1, description="empty: no quoting")
    escape: str = Field(default="", max_length=1, description="left out: the quote")
    header: bool = True
    skip_lines: int = Field(default=0, ge=0, le=MOST_LINES, description="physical lines before the header")
    comment: str = Field(default="", max_length=4, description="what a line that is a remark begins with")
    compression: Compression = "auto"
    member: str | None = Field(default=None, description="glob of the member to read in a zip")
    max_line_bytes: int = Field(default=1 << 20, ge=64, le=LONGEST_LINE)

    @model_validator(mode="before")
    @classmethod
    def _escape_is_the_quote(cls, given: Any) -> Any:
        """A quote inside a quoted cell is doubled, unless the contract states another escape or none."""
        if isinstance(given, dict) and given.get("escape") is None:
            return {**given, "escape": given.get("quote", '"')}
        return given

    @field_validator("comment")
    @classmethod
    def _tells_remarks_apart(cls, comment: str) -> str:
        if comment != comment.strip():
            raise WrongValueError(
                "a remark begins with something else than a blank", allowed="a sign such as #"
            )
        return comment


class JsonFormat(_Frozen):
    """A JSON document that holds a list of records."""

    kind: Literal["json"] = "json"
    encoding: str = "utf-8"
    records: str = Field(default="", description="dotted path to the list; empty: the document itself")
    lists: bool = Field(default=False, description="records are lists of cells, the first one the headings")
    compression: Compression = "auto"
    member: str | None = None


class NdjsonFormat(_Frozen):
    """One JSON record a line."""

    kind: Literal["ndjson"] = "ndjson"
    encoding: str = "utf-8"
    compression: Compression = "auto"
    member: str | None = None
    max_line_bytes: int = Field(default=16 << 20, ge=64, le=LONGEST_LINE)


class GeoJsonFormat(_Frozen):
    """Features by RFC 7946: a collection, or one a line."""

    kind: Literal["geojson"] = "geojson"
    encoding: str = "utf-8"
    lines: bool = Field(default=False, description="one feature a line, with or without RS (RFC 8142)")
    crs: str | None = Field(
        default=None, description="name that the member `crs` must state; None: WGS 84, or no such member"
    )
    compression: Compression = "auto"
    member: str | None = None
    max_line_bytes: int = Field(
        default=16 << 20, ge=64, le=LONGEST_LINE, description="of one feature, where `lines`"
    )


class WorkbookFormat(_Frozen):
    """One table in a workbook: a sheet, a range of it, or a table that Excel knows by name."""

    kind: Literal["xlsx", "xls", "ods"] = "xlsx"
    sheet: str | int = 0
    table: str | None = Field(default=None, description="name of an Excel table, in any sheet")
    range: str | None = Field(default=None, description="B3:F40, B3:F (to the end of the sheet) or B3")
    header_row: int = Field(
        default=1, ge=1, le=MOST_LINES, description="1-based row of the headings, in sheet or range"
    )
    header_rows: int = Field(default=1, ge=0, le=10, description="rows of headings; 0: by position")
    separator: str = Field(default=" / ", min_length=1, description="between the parts of a heading")
    ends: Literal["sheet", "blank_row"] = Field(default="sheet", description="where the rows end")
    fill_merged: bool = Field(default=False, description="every cell of a merged area has its value")
    compression: Compression = "none"
    member: str | None = None

    @field_validator("sheet")
    @classmethod
    def _is_a_place(cls, sheet: str | int) -> str | int:
        if isinstance(sheet, int) and not 0 <= sheet < MOST_SHEETS:
            raise WrongValueError(
                "no sheet has this place",
                allowed=f"the name of a sheet, or its place from 0 to {MOST_SHEETS - 1:,}",
            )
        return sheet

    @model_validator(mode="after")
    def _one_place(self) -> WorkbookFormat:
        if self.table is not None:
            if self.range is not None or self.ends != "sheet" or "sheet" in self.model_fields_set:
                raise WrongValueError(
                    "a table knows its place", allowed="table, without sheet, range and ends"
                )
            if self.kind != "xlsx":
                raise WrongValueError(
                    "only an xlsx workbook has tables with names", allowed="kind: xlsx, or sheet"
                )
            if (self.header_row, self.header_rows) != (1, 1):
                raise WrongValueError(
                    "a table has one row of headings, its first",
                    allowed="table, without header_row and header_rows",
                )
        if self.fill_merged and self.kind == "ods":
            raise WrongValueError(
                "of an ods document merged areas are not known",
                allowed="fill_merged: false, or kind: xlsx or xls",
            )
        if self.range is not None:
            *_, right = cell_range(self.range)
            if right is None and not self.header_rows:
                raise WrongValueError(
                    "without headings a range says where it ends", allowed="a range such as B3:F40 or B3:F"
                )
        return self


class ParquetFormat(_Frozen):
    """A Parquet file; its columns are known by name."""

    kind: Literal["parquet"] = "parquet"
    compression: Compression = "none"
    member: str | None = None


Format = Annotated[
    CsvFormat | JsonFormat | NdjsonFormat | GeoJsonFormat | WorkbookFormat | ParquetFormat,
    Field(discriminator="kind"),
]


def cell_range(text: str) -> tuple[int, int, int | None, int | None]:
    """First row, first column, last row and last column of a range, from 0; None: left open.

    Raises:
        WrongValueError: the text is no such range.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        raise WrongValueError(
            "a range is written B3:F40, B3:F or B3",
            allowed="letters and a number of a corner, such as B3:F40",
        )
    left, top, right, bottom = found.groups()
    first = int(top) - 1, column_number(left)
    last = int(bottom) - 1 if bottom else None, column_number(right) if right else None
    if (last[0] is not None and last[0] < first[0]) or (last[1] is not None and last[1] < first[1]):
        raise WrongValueError(
            "a range goes from its upper left to its lower right corner", allowed="such as B3:F40"
        )
    return (*first, *last)


def column_number(letters: str) -> int:
    """The position of a column from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1
