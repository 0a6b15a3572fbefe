"""dlt: from Arrow batches, and from Python objects."""
