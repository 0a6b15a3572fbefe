"""The report: self-contained pages that say what was accepted and refused, and how to check it."""

from __future__ import annotations

from shanhai.report.write import write_report

__all__ = ["write_report"]
