"""The audit log: an event before every crossing, committed to in a Merkle tree, disclosed one at a time."""
