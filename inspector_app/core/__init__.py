"""Floor 1: the words of the field as frozen data and pure functions; knows numpy and pydantic only."""
