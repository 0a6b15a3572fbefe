"""Beside the peers: the same file, each tool in an environment of its own."""
