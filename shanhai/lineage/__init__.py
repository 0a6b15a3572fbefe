"""Lineage: which snapshots stand behind a mart, as values, and as OpenLineage events kept as files."""
