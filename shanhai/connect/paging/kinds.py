"""How a source is paged: options of each way, and what can be said of its exactness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from shanhai.connect.options import Options


class Unpaged(Options):
    """One request has everything."""

    kind: Literal["none"] = "none"


class _Paged(Options):
    records: str | None = Field(default=None, description="dotted path of the list; '': the document itself")
    total_records: str | None = Field(default=None, description="dotted path of a count to be met at the end")
    max_pages: int = Field(default=10_000, ge=1)

    @model_validator(mode="after")
    def _can_count(self) -> Self:
        if self.total_records is not None and self.records is None:
            raise ValueError("total_records needs records, to count them")
        return self


class _ByPosition(_Paged):
    """Pages told by a position, which shifts when records come or go before it.

    A shift is seen, and the pull given up, when `total_records` changes on the way, or when a record's `key`
    was on the page before. With `appends` the source promises that records only come after those there are:
    then the total may grow on the way, and no record shifts.
    """

    key: str | None = Field(
        default=None, min_length=1, description="dotted path in a record of what it is known by"
    )
    appends: bool = Field(default=False, description="new records come last: the total may grow meanwhile")

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if self.key is not None and self.records is None:
            raise ValueError("key needs records, to look into them")
        return self


class ByPage(_ByPosition):
    """Numbered pages.

    Ends at `total_pages`, when `has_more` is false, when `total_records` came, or at the first page without
    records; which of them holds depends on the paths given.
    """

    kind: Literal["page"]
    param: str = Field(default="page", min_length=1)
    first: int = Field(default=1, ge=0)
    step: int = Field(default=1, ge=1)
    page_size: int | None = Field(default=None, ge=1, description="records of every page but the last")
    total_pages: str | None = Field(default=None, description="dotted path of the number of pages")
    has_more: str | None = Field(default=None, description="dotted path of a boolean")

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.records is None and self.total_pages is None and self.has_more is None:
            raise ValueError("at least one of records, total_pages and has_more, to know the last page")
        if self.page_size is not None and self.records is None:
            raise ValueError("page_size needs records, to count them")
        return self


class ByOffset(_ByPosition):
    """So many records from a position on.

    Ends when `total_records` came. Without a total a short page ends nothing: a source that gives fewer
    than asked for would look the same, so it is asked once more, and has to have nothing left. `end: short`
    saves that request where the source is known to keep to `limit`.
    """

    kind: Literal["offset"]
    records: str = Field(description="dotted path of the list; '': the document itself")
    limit: int = Field(ge=1, description="records of a page")
    param: str = Field(default="offset", min_length=1)
    limit_param: str = Field(default="limit", min_length=1)
    first: int = Field(default=0, ge=0, description="position of the first record")
    end: Literal["empty", "short"] = "empty"


class ByCursor(_Paged):
    """Every answer has the cursor of the next page, which is sent in `param`; without one it is the last."""

    kind: Literal["cursor"]
    next: str = Field(min_length=1, description="dotted path of the next cursor")
    param: str = Field(min_length=1)


class ByNextAddress(_Paged):
    """Every answer has the address of the next page; without one it is the last."""

    kind: Literal["next_url"]
    next: str = Field(min_length=1, description="dotted path of the next address")


class ByLinkHeader(_Paged):
    """Every answer has the address of the next page in its header `Link` with `rel="next"` (RFC 8288)."""

    kind: Literal["link"]


class ByKey(_Paged):
    """The next page begins after the key of the last record, which is sent in `param`.

    The source must sort by the key, give only greater ones, and have no key twice. Exact, whatever comes
    meanwhile.
    """

    kind: Literal["keyset"]
    records: str = Field(description="dotted path of the list; '': the document itself")
    key: str = Field(min_length=1, description="dotted path of the key in a record")
    param: str = Field(min_length=1)


class AfterRecord(_Paged):
    """The next page is asked for by parameters made of the last record: a `ByKey` of several columns.

    For connectors, not for contracts.
    """

    kind: Literal["after_record"] = "after_record"
    records: str
    following: Callable[[Any], dict[str, str]]


Paging = Annotated[
    Unpaged | ByPage | ByOffset | ByCursor | ByNextAddress | ByLinkHeader | ByKey,
    Field(discriminator="kind"),
]
