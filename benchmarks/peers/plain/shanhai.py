"""Shanhai, as a process: `python -m benchmarks.peers.plain.shanhai SOURCE WARM TARGET`.

SOURCE lies in the folder `data` of a federation; the process makes a small file to warm itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.walk import walk

if __name__ == "__main__":
    source, _, target = map(Path, sys.argv[1:])
    target.mkdir()
    watch, counts = walk(source.parent.parent, target / "home")
    watch.tell(counts=counts)
