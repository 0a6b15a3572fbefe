"""Infer: from a sample of a source to the draft of a contract, every guess with what speaks for it."""

from __future__ import annotations

from shanhai.ingest.infer.inference import DEFAULT_ROWS, Inferred, infer

__all__ = ["DEFAULT_ROWS", "Inferred", "infer"]
