"""A model written for another runtime: graph, tokenizer and a manifest in one folder."""
