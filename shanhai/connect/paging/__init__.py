"""Pages: the ways in which sources cut an answer, and how none is missed."""
