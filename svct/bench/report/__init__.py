"""The report of a run of experiments: one self-contained HTML file."""
