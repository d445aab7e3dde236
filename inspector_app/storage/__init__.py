"""Floor 3: records in SQLite and images in a folder; SQLAlchemy lives here only."""

from inspector_app.storage.archive import FileImageArchive
from inspector_app.storage.store import SqlRecordStore

__all__ = ["FileImageArchive", "SqlRecordStore"]
