"""What may leave, in which shape, and to whom: pure decisions, and the SQL of what leaves."""
