"""The Singer target: messages into a DuckDB file."""
