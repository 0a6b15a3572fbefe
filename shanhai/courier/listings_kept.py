"""What lay in an application when it came, file by file: by it is told which was changed since."""

from __future__ import annotations

import json
import sqlite3

from shanhai.applications.reading import Contents
from shanhai.exchange.folders import Listed

_MOST_CHARACTERS = 4 << 20
"""Of all paths and digests. A longer listing is not kept: it is told that files changed, and not which."""

_DIGEST = 64


def keep(connection: sqlite3.Connection, message: str, contents: Contents) -> None:
    """Keep what a parcel brought, within the transaction that settles its message."""
    if sum(len(one.path) + _DIGEST for one in contents.listing) > _MOST_CHARACTERS:
        return
    files = [[one.path, one.size, one.sha256] for one in contents.listing]
    document = json.dumps({"files": files, "executable": contents.executable}, ensure_ascii=False).encode()
    connection.execute("INSERT OR IGNORE INTO listing VALUES (?, ?)", (message, document))


def of_message(connection: sqlite3.Connection, message: str) -> Contents | None:
    """What a parcel brought; None of one that came before this was kept, or brought very many files."""
    row = connection.execute("SELECT document FROM listing WHERE message = ?", (message,)).fetchone()
    if row is None:
        return None
    document = json.loads(row[0])
    return Contents(tuple(Listed(*one) for one in document["files"]), tuple(document["executable"]))
