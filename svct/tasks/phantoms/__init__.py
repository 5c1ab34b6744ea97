"""Drawn patients: smooth shapes with textures, in millimetres and Hounsfield units, one file per anatomy."""
