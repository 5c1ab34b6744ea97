"""Geometries of other packages, to and from svct's.

Each module is imported where it is used: `svct.geometry.convert.astra`, `svct.geometry.convert.rtk` and
`svct.geometry.convert.tomosipo`.
"""
