"""Experiments: a configuration and a folder in, a trained, measured and documented run out."""
