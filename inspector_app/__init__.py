"""Inspector: golden-versus-test visual inspection by change segmentation."""

__version__ = "0.1.0"
