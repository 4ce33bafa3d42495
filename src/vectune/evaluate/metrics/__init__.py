"""Ranking measures, one a file; their numbers equal trec_eval's."""
