"""Rows of an ADBC cursor as record batches, streamed, with the driver's own errors."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def streamed(cursor: Any) -> Generator[pa.RecordBatch]:
    """The batches of what a cursor executed.

    The plain reader that the cursor offers turns errors on the way into Arrow's, which lack the SQLSTATE;
    the driver manager's own reader keeps them.
    """
    from adbc_driver_manager._reader import AdbcRecordBatchReader

    handle = cursor.fetch_arrow()
    with closing(AdbcRecordBatchReader._import_from_c(handle.address)) as reader:  # noqa: SLF001
        yield from reader
