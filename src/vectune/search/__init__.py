"""Exact top-k and BM25."""
