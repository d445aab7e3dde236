"""Floor 3: pixels in and out: decoding, tensors, registration, maps, regions, annotations."""
