"""The profile `pme-aes-256-gcm/1`: which Parquet files are sealed files, and their limits."""

from __future__ import annotations

import re

PROFILE = "pme-aes-256-gcm/1"

MOST_FILE_BYTES = 1 << 30
MOST_FOOTER_BYTES = 16 << 20
MOST_MODULE_BYTES = 256 << 20
MOST_COLUMNS = 1_024
"""Names, keys and commitments of all of them fit into one message."""
MOST_CHUNKS = 16_384
"""Row groups times columns. A chunk costs about 700 bytes of footer, so the footer's limit is kept."""
MOST_GROUPS = 32_767
MOST_PAGES = 32_767
"""Ordinals of row groups and pages are two signed bytes in the additional data of a module."""
MOST_MODULES = 1 << 20
"""Of a file. They are counted before any key is used, so their number is what that may cost."""

GROUP_BYTES = 64 << 20
GROUP_ROWS = 1 << 20
"""A writer closes a row group at the first of the two; decoded bytes as `measure.py` counts them."""
MOST_ROW_BYTES = 16 << 20
"""What one row may decode to, as `GROUP_BYTES` one row group: a writer seals no more, and a reader takes all
of it and no more."""
MOST_DEPTH = 4
"""Levels of lists around a value. The root of the schema does not count."""

DEK_BYTES = 32
WRAPPED_BYTES = 12 + DEK_BYTES + 16
"""Nonce, data key and tag of a wrapped data key, before base64."""

KEY_ID = re.compile(r"(?P<set>[0-9a-f]{32})\.(?P<place>f|0|[1-9][0-9]{0,4})", re.ASCII)


def physical_name(number: int) -> str:
    """The name of column `number` in a sealed file: `c0000`, `c0001` …

    Whoever holds the footer's key sees the names of all columns, so they say nothing. Nor could Parquet's key
    map carry any name: one with a comma, a colon, a semicolon or a blank at its edge fails.
    """
    return f"c{number:04d}"


def column_key_id(set_id: str, number: int) -> str:
    """The id of the key of column `number`: `<set>.<number>`."""
    return f"{set_id}.{number}"


def footer_key_id(set_id: str) -> str:
    """The id of the key of the footers of a set's files: `<set>.f`."""
    return f"{set_id}.f"
