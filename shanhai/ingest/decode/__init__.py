"""Decode: the bodies of a snapshot become one table of texts, every record accounted for."""

from __future__ import annotations

from shanhai.ingest.decode.decoded import REASONS, BodyFile, Decoded, Limits
from shanhai.ingest.decode.decoder import decode
from shanhai.ingest.decode.in_place import InPlace, read_in_place

__all__ = ["REASONS", "BodyFile", "Decoded", "InPlace", "Limits", "decode", "read_in_place"]
