"""The generated datasets, one module each."""
