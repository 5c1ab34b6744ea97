"""Experiments as files: a plan in TOML, run cell by cell into a store that an interrupted run goes on from."""
