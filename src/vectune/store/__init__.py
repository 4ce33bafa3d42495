"""Bytes, run folders and the list of runs."""
