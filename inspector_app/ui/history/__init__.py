"""The History page: search the records and show any of them again."""
