"""Test vectors of the exchange: how the files below `shanhai/exchange/vectors` are made and run."""
