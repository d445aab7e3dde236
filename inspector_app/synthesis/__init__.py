"""Rendered golden and test pairs of inspected products, with pixel-exact masks."""

from inspector_app.synthesis.families import DEMO_FAMILIES, TRAINING_FAMILIES
from inspector_app.synthesis.pairs import SyntheticPair, render_pair

__all__ = ["DEMO_FAMILIES", "TRAINING_FAMILIES", "SyntheticPair", "render_pair"]
