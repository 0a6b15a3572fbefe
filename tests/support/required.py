"""Real servers that a test starts: found, or the reason why the test is skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def program(pattern: str, package: str) -> Path:
    """The newest program that an absolute glob finds, of a package of Debian.

    Where it is not installed the test is skipped with the reason; under `CI`, which installs it, it fails.
    """
    found = sorted(Path("/").glob(pattern.removeprefix("/")))
    if found:
        return found[-1]
    reason = f"{pattern} is not there: run infra/ci/install-servers, or install Debian's package {package}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
