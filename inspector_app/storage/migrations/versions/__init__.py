"""One module a revision, named and numbered in order: ``v0001_...``, ``v0002_...``."""
