"""The Inspect page: one pair at a time, live or from files."""
