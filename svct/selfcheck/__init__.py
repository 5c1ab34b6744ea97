"""Whether a projector does what it should on a geometry of the user's own."""
