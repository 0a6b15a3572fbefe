"""The keys of a node: made here, locked with age on the disk, and shown to nobody."""
