"""What surrounds Shanhai on a machine: the simulated districts."""
