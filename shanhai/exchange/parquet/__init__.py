"""Sets as encrypted Parquet files: written, walked byte by byte, and read by granted columns only."""
