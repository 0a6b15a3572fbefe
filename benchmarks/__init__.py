"""Measurements on this machine, in one run: ratios matter, seconds do not travel."""
