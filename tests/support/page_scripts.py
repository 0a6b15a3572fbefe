"""The scripts of a page, run as its reader runs them: by bash, with Debian's programs and nothing else."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def scripts_of(page: Path) -> list[str]:
    """Its blocks of bash, in order."""
    return re.findall(r"^```bash\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run_in(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of a folder there."""
    return subprocess.run(
        ["/bin/bash", script, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder)},
    )
