"""Floor 4: what the program does: inspect, batch, history, recipes, export, evaluate. No Qt, no torch, no SQL."""
