"""Instruments for input pipelines: time and memory, measured so that the numbers can be trusted."""
