"""Three simulated district systems that serve generated data over real protocols."""
