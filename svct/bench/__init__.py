"""Experiments: learning, judging, training, and their pictures."""
