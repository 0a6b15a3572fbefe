"""delta-rs alone: an Arrow reader appended to a table."""
