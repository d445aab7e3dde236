"""NVIDIA TensorRT behind the ``ChangeEngine`` protocol; ``tensorrt`` and ``cuda`` are imported lazily.

Written against the documented interface of TensorRT 10.12 to 11.4 and of cuda-python 13, and tested against a
stand-in with that surface: see ``docs/adr/0009-tensorrt-against-its-documentation.md`` for what no GPU has run yet.
"""
