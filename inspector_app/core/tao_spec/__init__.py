"""TAO's experiment spec of ``task: segment``: its keys, their defaults, and what this program does with each.

The keys are those of TAO 5 to 7 (its documentation, and the public configuration classes of its PyTorch backend).
``experiment`` puts the sections together; ``keys`` holds what they share.
"""
