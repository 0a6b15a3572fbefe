"""What a step has learnt of the data files of a table: which are whole, and which keys their rows have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shanhai.errors import StoreError
from shanhai.warehouse.lake import LakeTable

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt

    Hashes = npt.NDArray[np.uint64]

_MOST = 1 << 23
"""Rows whose keys are kept in mind: 64 MiB."""


@dataclass
class KnownFiles:
    """Remembers of committed files, which never change, what would be read of each again and again.

    Names of files are never given twice, so what was learnt of one is true as long as it is there.

    Args:
        remembers: whether several deliveries are settled, so that keys are worth keeping.
    """

    remembers: bool = False
    _whole: set[str] = field(default_factory=set)
    _keys: dict[str, Hashes] = field(default_factory=dict)
    _rows: int = 0

    def check_whole(self, table: LakeTable, read: Collection[str] = ()) -> None:
        """Make sure that the rows of the table can be read.

        Args:
            read: files that are about to be read: they are looked at again, the others once.

        Raises:
            StoreError: a file is gone or cut off.
        """
        names = set(table.files()) - self._whole | set(read)
        cut = table.cut_files(names)
        if cut:
            raise StoreError(
                "a file of the table is gone, or was cut off",
                given=f"{table.path.name}/{cut[0]}",
                allowed="the files as they were committed",
                hint="shanhai replay of a delivery of the dataset computes the table anew",
            )
        self._whole |= names

    def holding(
        self,
        con: duckdb.DuckDBPyConnection,
        table: LakeTable,
        files: Mapping[str, int | None],
        hashed: str,
        new: str,
    ) -> list[str]:
        """Which of some files have a row with the identity of a row of `new`, or one whose hash is the same.

        Args:
            files: with their row counts.
            hashed: the hash of the identity, in SQL; the same at each call.
            new: a relation.
        """
        import numpy as np

        fresh = {name: rows for name, rows in files.items() if name not in self._keys}
        kept = self._fitting(fresh)
        for name in kept:
            self._keys[name] = np.sort(_hashes(con, hashed, table.relation(among=(name,))))
            self._rows += len(self._keys[name])
        found = _scanned(con, table, [name for name in fresh if name not in self._keys], hashed, new)
        known = [name for name in files if name in self._keys]
        if known:
            wanted = _hashes(con, hashed, new)
            found += [name for name in known if _meet(self._keys[name], wanted)]
        return sorted(found)

    def _fitting(self, fresh: Mapping[str, int | None]) -> list[str]:
        """The files whose keys are to be remembered: as many as there is room for."""
        room, fitting = _MOST - self._rows if self.remembers else 0, []
        for name, rows in fresh.items():
            if rows is not None and rows <= room:
                room -= rows
                fitting.append(name)
        return fitting


def _scanned(
    con: duckdb.DuckDBPyConnection, table: LakeTable, names: Collection[str], hashed: str, new: str
) -> list[str]:
    if not names:
        return []
    rows = table.relation(file_names=True, among=names)
    query = f"SELECT DISTINCT _file FROM {rows} WHERE {hashed} IN (SELECT {hashed} FROM {new})"
    return [str(name) for (name,) in con.execute(query).fetchall()]


def _hashes(con: duckdb.DuckDBPyConnection, hashed: str, relation: str) -> Hashes:
    import numpy as np

    batches = con.execute(f"SELECT {hashed} AS hash FROM {relation}").to_arrow_reader()
    return np.concatenate([np.empty(0, np.uint64), *(batch.column(0).to_numpy() for batch in batches)])


def _meet(sorted_hashes: Hashes, wanted: Hashes) -> bool:
    import numpy as np

    if not len(sorted_hashes):
        return False
    nearest = np.minimum(np.searchsorted(sorted_hashes, wanted), len(sorted_hashes) - 1)
    return bool((sorted_hashes[nearest] == wanted).any())
