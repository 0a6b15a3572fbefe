"""HTTP(S): one polite session with a source, and what its answers mean."""
