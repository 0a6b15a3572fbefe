"""The command line `shanhai`: one file a verb, each imported only when it is called."""

from __future__ import annotations

from shanhai.cli.app import main

__all__ = ["main"]
