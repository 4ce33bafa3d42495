"""The training loop, its losses, sampler, optimiser and checkpoints."""
