"""Long queries, watched: how far DuckDB has come, told while somebody looks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from shanhai.ingest.node import Progress, silent

if TYPE_CHECKING:
    import duckdb

_EVERY = 0.2


@contextlib.contextmanager
def watched(con: duckdb.DuckDBPyConnection, tell: Progress, what: str, of: int) -> Iterator[None]:
    """Tell meanwhile how far the query that a connection runs has come; nothing where nobody looks.

    Args:
        of: what a query works through, in the unit that `what` names. Each query begins anew.
    """
    if tell is silent:
        yield
        return
    for setting in (
        "enable_progress_bar = true",
        "enable_progress_bar_print = false",
        "progress_bar_time = 1",
    ):
        con.execute(f"SET {setting}")
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_EVERY):
            # DuckDB says -1 between two queries.
            tell(what, round(of * max(0.0, con.query_progress()) / 100), of)

    looking = threading.Thread(target=look, name="watched", daemon=True)
    tell(what, 0, of)
    looking.start()
    try:
        yield
    finally:
        ended.set()
        looking.join()
        tell(what, of, of)
