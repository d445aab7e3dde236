"""Floor 2: the runtimes that compute a network; onnxruntime and tensorrt are imported here only, lazily."""
