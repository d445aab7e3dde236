"""What Batch and History share: the table of records, its thumbnails, and a record shown again."""
