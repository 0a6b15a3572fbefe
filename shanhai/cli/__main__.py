"""Runs the command line as `python -m shanhai.cli`."""

from __future__ import annotations

import sys

from shanhai.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
