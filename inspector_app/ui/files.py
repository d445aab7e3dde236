"""Dialogs that ask for files; the last folder is remembered."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

IMAGES = "Images (*.png *.jpg *.jpeg *.bmp *.tif *.tiff *.webp)"
TRUTHS = "Annotations (*.png *.bmp *.tif *.tiff *.json)"
VIDEOS = "Videos (*.mp4 *.avi *.mkv *.mov *.webm)"
CSV = "CSV (*.csv)"


class FileDialogs:
    """One owner of the places where files were last found."""

    def __init__(self, parent: QWidget, start: Path) -> None:
        self._parent = parent
        self._folder = start

    def open_file(self, title: str, kinds: str) -> Path | None:
        """A file, or None when the person thought better of it."""
        name, _ = QFileDialog.getOpenFileName(
            self._parent, title, str(self._folder), f"{kinds};;All files (*)"
        )
        return self._remember(name)

    def open_folder(self, title: str) -> Path | None:
        """A folder."""
        return self._remember(QFileDialog.getExistingDirectory(self._parent, title, str(self._folder)))

    def save_file(self, title: str, suggestion: str, kinds: str) -> Path | None:
        """Where to write."""
        name, _ = QFileDialog.getSaveFileName(self._parent, title, str(self._folder / suggestion), kinds)
        return self._remember(name)

    def _remember(self, name: str) -> Path | None:
        if not name:
            return None
        path = Path(name)
        self._folder = path if path.is_dir() else path.parent
        return path
