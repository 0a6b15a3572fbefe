"""What encryption costs: sealing, opening and the whole way, beside plain files and `age` by hand."""
