"""What two nodes exchange and how it is proven: pure functions over bytes, after `SPEC.md`."""
