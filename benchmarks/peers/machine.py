"""What a figure must be read with: processor, cores, memory, interpreter, versions of our own engines."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

_ENGINES = ("duckdb", "pyarrow", "deltalake", "great-expectations")


def machine() -> dict[str, Any]:
    """No name of the machine, and nothing else that tells whose it is."""
    import psutil

    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "engines": {name: version(name) for name in _ENGINES},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    told = info.read_text(encoding="utf-8") if info.is_file() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()
