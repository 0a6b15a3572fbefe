"""One thing in which a delivery differs from what its contract promises or from what is usual."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from shanhai.contracts.proposals import Proposal
from shanhai.quality.sentences import FORMS

Kind = Literal[
    "new_column",
    "vanished_column",
    "renamed_column",
    "retyped_column",
    "shifted_columns",
    "new_codes",
    "new_missing",
    "encoding",
    "delimiter",
    "quote",
    "header_moved",
    "records_moved",
    "sheet_renamed",
    "another_format",
    "volume",
    "emptied_column",
    "repeated_rows",
    "partition_again",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

Certainty = Literal["seen", "guess"]
"""`seen`: counted or read in the delivery. `guess`: what would explain it best; a person has to look."""


class Difference(BaseModel):
    """One difference, for people to read and for `shanhai contract propose` to draft from.

    No text in it is a value of a column that is personal, important or core; headings are in the form that
    people may see.

    Attributes:
        kind: what kind of difference.
        reading: what it reads like, where a kind has several: `decimal_comma` of a `retyped_column`; else
            empty.
        columns: names in the contract.
        headings: headings of the source, as they are in this delivery.
        given: what the delivery has: a heading, an encoding, a format, codes. No sentence.
        allowed: what the contract states or what is usual, likewise.
        rows: rows that speak for it; None where it is not about rows.
        of_rows: rows that were looked at.
        certainty: whether it was seen, or is a guess.
        proposal: the change of the contract that would take the delivery as it is; None: no contract can.
        text: the English sentence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    reading: str = ""
    columns: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    given: str = ""
    allowed: str = ""
    rows: int | None = Field(default=None, ge=0)
    of_rows: int | None = Field(default=None, ge=0)
    certainty: Certainty = "seen"
    proposal: Proposal | None = None
    text: str

    @property
    def share(self) -> float | None:
        """The share of rows that speak for it, 0 to 1."""
        if self.rows is None or not self.of_rows:
            return None
        return self.rows / self.of_rows

    @property
    def code(self) -> str:
        """Its key in `FORMS`, and in the catalogues of the report."""
        return f"{self.kind}.{self.reading}" if self.reading else self.kind

    @property
    def facts(self) -> dict[str, str]:
        """What its sentence is made of, in every language."""
        lists = {"columns": ", ".join(self.columns), "headings": ", ".join(self.headings)}
        numbers = {name: str(getattr(self, name) or 0) for name in ("rows", "of_rows")}
        return {**lists, **numbers, "given": self.given, "allowed": self.allowed}

    @property
    def is_alarming(self) -> bool:
        """Whether it holds a delivery by itself, though no row need break a rule."""
        return self.kind in _ALARMING


_ALARMING: tuple[Kind, ...] = ("emptied_column", "repeated_rows")


def differs(kind: Kind, reading: str = "", **attributes: Any) -> Difference:
    """A difference with its sentence.

    Args:
        attributes: those of `Difference`.
    """
    mute = Difference(kind=kind, reading=reading, text="", **attributes)
    return mute.model_copy(update={"text": FORMS[mute.code].format(**mute.facts)})
