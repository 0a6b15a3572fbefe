"""The Singer tap: records of a file as messages."""
