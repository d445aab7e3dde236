"""Floor 6: the command line. It never imports Qt; the training commands import torch when they are called."""
