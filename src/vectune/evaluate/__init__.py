"""Measures, paired significance, general ability, verdict."""
