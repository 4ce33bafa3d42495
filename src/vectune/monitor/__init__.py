"""Progress for people and metric logs for machines."""
