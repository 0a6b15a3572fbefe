"""Carries parcels between this node and its partners; `shanhai.exchange` decides, this room does the I/O."""
