"""Texts to vectors: the Encoder protocol, finding and loading models, token-budget batches."""
