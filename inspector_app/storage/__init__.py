"""Floor 3: records in SQLite and images in a folder; SQLAlchemy lives here only."""

from inspector_app.storage.archive import FileImageArchive
from inspector_app.storage.records import SqlRecordStore

__all__ = ["FileImageArchive", "SqlRecordStore"]
