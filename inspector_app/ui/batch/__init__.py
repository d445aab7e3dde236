"""The Batch page: score a folder and look through what came of it."""
