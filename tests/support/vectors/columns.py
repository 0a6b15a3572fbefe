"""Columns that cases of several kinds share."""

from __future__ import annotations

PERSON = {"name": "person_id", "type": "string", "personal": True, "validators": ["resident_id"]}
NAME = {"name": "person_name", "type": "string", "personal": True, "max_length": 40}
VILLAGE = {"name": "village", "type": "string"}
VISITS = {"name": "visits", "type": "integer"}
BORN = {"name": "born", "type": "date", "personal": True}
