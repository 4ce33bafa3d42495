"""Reading, roles, cleaning, near-duplicates, splitting."""
