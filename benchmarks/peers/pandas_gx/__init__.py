"""pandas and Great Expectations: a frame in memory, checked and written."""
