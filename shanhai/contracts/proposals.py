"""What could be changed in a contract, as values: a delivery that differs suggests it, a person reads it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shanhai.contracts.model import ColumnType


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TakeColumn(_Frozen):
    """The source has a heading that the contract does not know: declare it, or list it under `ignored`."""

    action: Literal["take_column"] = "take_column"
    heading: str


class DropColumn(_Frozen):
    """The source no longer gives a column: the column goes, or is no longer required."""

    action: Literal["drop_column"] = "drop_column"
    column: str


class StateSince(_Frozen):
    """The source gives a column only since later: older deliveries may lack it."""

    action: Literal["state_since"] = "state_since"
    column: str
    since: str


class RenameSource(_Frozen):
    """A column stays what it is; its heading is another one now."""

    action: Literal["rename_source"] = "rename_source"
    column: str
    source: str


class RetypeColumn(_Frozen):
    """A column's texts are of another type, or of the same type in other formats.

    Attributes:
        formats: all that the column should state, old and new; empty: none (ISO 8601, plain numbers).
    """

    action: Literal["retype_column"] = "retype_column"
    column: str
    type: ColumnType
    formats: tuple[str, ...] = ()


class ReadFullWidth(_Frozen):
    """Digits and letters of a column come in their full-width form, and mean the half-width one."""

    action: Literal["read_full_width"] = "read_full_width"
    column: str


class AddCodes(_Frozen):
    """Codes that the column's list lacks; added at its end."""

    action: Literal["add_codes"] = "add_codes"
    column: str
    codes: tuple[str, ...] = Field(min_length=1)


class AddNullTokens(_Frozen):
    """Texts that stand where a value is missing, beside those that the column states already."""

    action: Literal["add_null_tokens"] = "add_null_tokens"
    column: str
    tokens: tuple[str, ...] = Field(min_length=1)


class SetFormat(_Frozen):
    """Keys of the contract's `format` with their new values; keys that are not named stay."""

    action: Literal["set_format"] = "set_format"
    settings: dict[str, str | int | bool] = Field(min_length=1)


Proposal = Annotated[
    TakeColumn
    | DropColumn
    | StateSince
    | RenameSource
    | RetypeColumn
    | ReadFullWidth
    | AddCodes
    | AddNullTokens
    | SetFormat,
    Field(discriminator="action"),
]
