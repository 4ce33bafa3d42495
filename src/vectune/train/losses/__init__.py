"""Losses on vectors, one a file; no model inside. Each takes L2-normalised float32 vectors."""
