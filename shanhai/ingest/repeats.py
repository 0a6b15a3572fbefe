"""Which hashes came before: seen in one pass, in bounded memory, and never missed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Hashes: TypeAlias = npt.NDArray[np.uint64]
    Places: TypeAlias = npt.NDArray[np.int64]
    Mask: TypeAlias = npt.NDArray[np.bool_]

_BITS_PER_ROW = 64
_LEAST, _MOST = 16, 32
"""Binary logarithms of how many bits the map has: 8 KiB to 512 MiB."""
_SLOTS_PER_HASH = 16
_FEWEST, _MANY = 22, 26
"""Binary logarithms of how many slots tell in `places` which hashes are worth a search: 4 to 64 MiB."""
_AT_ONCE = 1 << 20


class Repeats:
    """Tells hashes that may have come before from those that surely have not, and remembers the latter.

    A map with a bit for the lower digits of each hash: a hash that came before is always told; of others
    about one in a hundred is told too, more beyond sixty million. Those that are new are kept in a file, in
    their order, so that it can be said afterwards which ones really repeat.

    Args:
        rows: about how many hashes will come.
        file: where the new ones are kept; 8 bytes each.
    """

    def __init__(self, file: Path, rows: int) -> None:
        import numpy as np

        width = min(max((rows * _BITS_PER_ROW).bit_length(), _LEAST), _MOST)
        self._map = np.zeros(1 << (width - 3), np.uint8)
        self._digits = np.uint64((1 << width) - 1)
        self._file = file
        file.unlink(missing_ok=True)

    def take(self, hashes: Hashes) -> Mask:
        """Which of the next hashes may repeat an earlier one or one another; the others are kept."""
        import numpy as np

        slots = hashes & self._digits
        place, bit = slots >> np.uint64(3), np.uint8(1) << (slots & np.uint64(7)).astype(np.uint8)
        before = self._map[place]
        repeated: Mask = (before & bit) != 0
        _mark_again(slots, repeated)
        self._map[place] = before | bit
        # Of several bits of one byte the last one is written: the others once more.
        lost = (self._map[place] & bit) == 0
        np.bitwise_or.at(self._map, place[lost], bit[lost])
        with self._file.open("ab") as kept:
            kept.write(hashes[~repeated].tobytes())
        return repeated

    def places(self, hashes: Hashes) -> tuple[Places, Hashes]:
        """Which of the kept hashes are among `hashes`: their places in order, from 0, and themselves.

        Nothing can be taken any more: the map is given up, for what follows needs the memory.

        Args:
            hashes: sorted, each once; one at least.
        """
        import numpy as np

        self._map = np.empty(0, np.uint8)
        width = min(max((len(hashes) * _SLOTS_PER_HASH).bit_length(), _FEWEST), _MANY)
        likely, digits = np.zeros(1 << width, np.bool_), np.uint64((1 << width) - 1)
        likely[hashes & digits] = True
        places, found = [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
        first = 0
        with self._file.open("rb") as stream:
            while len(kept := np.fromfile(stream, np.uint64, _AT_ONCE)):
                some = np.flatnonzero(likely[kept & digits])
                # Looked up, not sorted together with them: there can be millions, and chunks are many. In
                # their order, or each look-up would go through all of memory: it takes a tenth of the time.
                some = some[np.argsort(kept[some])]
                nearest = hashes[np.minimum(np.searchsorted(hashes, kept[some]), len(hashes) - 1)]
                some = np.sort(some[nearest == kept[some]])
                places.append(some + first)
                found.append(kept[some])
                first += len(kept)
        return np.concatenate(places), np.concatenate(found)


def _mark_again(slots: Hashes, repeated: Mask) -> None:
    """Mark the ones that equal an earlier one of the same array."""
    import numpy as np

    ordered = np.sort(slots)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        among = np.flatnonzero(np.isin(slots, twice))
        _, first = np.unique(slots[among], return_index=True)
        repeated[np.delete(among, first)] = True
