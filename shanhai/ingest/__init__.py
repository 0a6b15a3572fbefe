"""The walk of the data in one node: pull, snapshot, stage, check, load, and the books that prove it."""
