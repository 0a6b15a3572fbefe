"""Rows of an ADBC cursor as record batches, streamed, with the driver's own errors."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def streamed(
    cursor: Any, waiting: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Generator[pa.RecordBatch]:
    """The batches of what a cursor executed.

    The plain reader that the cursor offers turns errors on the way into Arrow's, which lack the SQLSTATE;
    the driver manager's own reader keeps them.

    Args:
        waiting: entered for each wait for a batch.
    """
    from adbc_driver_manager._reader import AdbcRecordBatchReader

    with waiting():
        handle = cursor.fetch_arrow()
        reader = AdbcRecordBatchReader._import_from_c(handle.address)  # noqa: SLF001
    with closing(reader):
        batches = iter(reader)
        while True:
            with waiting():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch
