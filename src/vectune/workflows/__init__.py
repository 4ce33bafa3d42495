"""One file a verb: config and collaborators in, a frozen report out."""
