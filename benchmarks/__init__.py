"""Measurements behind docs/performance.md, each a module to be run from the checkout: ``python -m benchmarks.NAME``."""
