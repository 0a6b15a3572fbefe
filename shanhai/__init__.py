"""Shanhai: a data-sharing federation and ETL platform for paired districts."""

__version__ = "0.1.0"
