"""Where bytes are kept: one small protocol and the stores that keep its promises."""

from __future__ import annotations

from shanhai.storage.local import LocalStore
from shanhai.storage.memory import MemoryStore
from shanhai.storage.protocol import ObjectInfo, ObjectStore, Stored

__all__ = ["LocalStore", "MemoryStore", "ObjectInfo", "ObjectStore", "Stored"]
