"""Relays: where nodes leave sealed bytes for each other; a folder, a bucket or a tar, in one layout."""
