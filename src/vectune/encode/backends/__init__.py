"""Runtimes that encode without torch: OpenVINO, onnxruntime, and numpy for token tables."""
