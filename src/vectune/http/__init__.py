"""The service over HTTP: the paths, shapes and errors that OpenAI clients know."""
