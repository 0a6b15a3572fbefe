"""What the project itself has to run: the limit, and Shanhai."""
