"""Change-segmentation networks: their definition, training and export, in PyTorch.

Needs the extra ``train``.  The running application never imports this package: it runs the exported
ONNX file through :mod:`inspector_app.engines`.
"""
