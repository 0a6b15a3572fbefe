"""The closed list of column types of sealed files, each with a name that does not depend on a library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shanhai.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

FIXED = {
    "bool": 1,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "uint8": 1,
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
    "float": 4,
    "double": 8,
    "date32[day]": 4,
    "time32[ms]": 4,
    "time64[us]": 8,
    "time64[ns]": 8,
    "timestamp[ms]": 8,
    "timestamp[us]": 8,
    "timestamp[ns]": 8,
}
"""Bytes of a value, by Arrow's name of the type."""

_PLAIN = (
    r"bool|u?int(8|16|32|64)|float|double|string|binary|date|time\[(ms|us|ns)\]|timestamp\[(ms|us|ns)(,UTC)?\]"
    r"|decimal\([1-9][0-9]?,-?[0-9]{1,2}\)|fixed\[[1-9][0-9]{0,8}\]"
)
TYPE = rf"({_PLAIN}|(list<){{1,4}}({_PLAIN})>{{1,4}})"
"""How facts name the types, as a regular expression; as many brackets close as are open, which files show."""

SHORT = {"date32[day]": "date", "time32[ms]": "time[ms]", "time64[us]": "time[us]", "time64[ns]": "time[ns]"}


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type in which a column of type `kind` is sealed: its values, without dictionary, view or extension.

    Raises:
        DataError: the type cannot be sealed. A struct's inner names would be seen by all who hold the
            footer's key, and other types do not survive Parquet.
    """
    import pyarrow as pa
    from pyarrow import types as is_

    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if is_.is_dictionary(kind):
        return plain_type(kind.value_type)
    if is_.is_list(kind) or is_.is_large_list(kind):
        return pa.list_(pa.field("element", plain_type(kind.value_type)))
    if is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind):
        return pa.string()
    if is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_binary_view(kind):
        return pa.binary()
    if is_.is_timestamp(kind):
        return pa.timestamp("ms" if kind.unit == "s" else kind.unit, tz="UTC" if kind.tz else None)
    if is_.is_time32(kind):
        return pa.time32("ms")
    if type_name(kind):
        return kind
    raise DataError("a column has a type that cannot be sealed", given=kind, hint="cast it to a plain type")


def type_name(kind: pa.DataType) -> str:
    """The name of a plain type in facts, such as `string`, `decimal(18,2)`, `timestamp[us,UTC]`, or ``."""
    from pyarrow import types as is_

    if is_.is_list(kind):
        inner = type_name(kind.value_type)
        return f"list<{inner}>" if inner else ""
    if is_.is_decimal128(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if is_.is_fixed_size_binary(kind):
        return f"fixed[{kind.byte_width}]"
    if is_.is_string(kind) or is_.is_binary(kind):
        return str(kind)
    if is_.is_timestamp(kind) and kind.tz is not None:
        return f"timestamp[{kind.unit},UTC]" if kind.tz == "UTC" and kind.unit != "s" else ""
    text = str(kind)
    return SHORT.get(text, text) if text in FIXED else ""


def schema_names(schema: pa.Schema) -> dict[str, str]:
    """Column name → name of its type; a type outside of the list is named ``, which no declaration equals."""
    return {field.name: type_name(field.type) for field in schema}
