"""NVIDIA TAO's Visual ChangeNet-Segmentation, parameter for parameter: FAN-hybrid backbones and their decoder.

``network`` puts the two together, ``checkpoint`` reads TAO's files, ``export`` writes TAO's ONNX interface.
The sources of the methods are FAN (arXiv 2204.12451), ConvNeXt (arXiv 2201.03545), XCiT (arXiv 2106.09681)
and, for the decoder, ChangeFormer (arXiv 2201.01293).
"""
