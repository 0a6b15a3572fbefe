"""The warehouse: Delta tables as the truth, DuckDB and dbt as guests that build the marts."""
