"""The embedding engine: models in memory, and one bounded queue that batches the texts of many callers. No HTTP."""
