"""What is trained: all weights, low-rank updates, or a token table; one file a method."""
