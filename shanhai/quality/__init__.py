"""What a delivery is worth: typed columns, rules, the gate, plausibility and the verdict."""
