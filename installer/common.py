"""What the Linux and the Windows bundle share: read by the two spec files."""

from __future__ import annotations

from pathlib import Path

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

HERE = Path(__file__).resolve().parent
ENTRY = str(HERE / "entry.py")

# `doctor` reads their versions from their metadata.
PACKAGES = ["inspector-app", "numpy", "opencv-python-headless", "onnxruntime", "PySide6-Essentials", "pyqtgraph", "SQLAlchemy", "alembic", "pydantic"]  # fmt: skip

# Alembic runs the migrations from files on disk, so they travel as files and not only as compiled modules.
DATAS = (
    collect_data_files("inspector_app")
    + collect_data_files("inspector_app.storage.migrations", include_py_files=True)
    + [entry for name in PACKAGES for entry in copy_metadata(name)]
)

# Modules that are imported by name at run time.
HIDDEN = [
    *(name for name in collect_submodules("inspector_app") if ".changenet" not in name),
    *collect_submodules("alembic.ddl"),
    "sqlalchemy.dialects.sqlite.pysqlite",
    *collect_submodules("rich._unicode_data"),
    "logging.config",
]

# Training, tests, and the parts of Qt and of the libraries that the window does not use.
EXCLUDES = [
    "inspector_app.changenet", "torch", "lightning", "onnxscript", "pytest", "PIL", "matplotlib", "scipy",
    "tkinter", "IPython", "OpenGL", "cupy", "numba", "sympy", "onnxruntime.transformers", "onnxruntime.quantization",
    "onnxruntime.tools", "PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtQuickWidgets", "PySide6.QtDesigner",
    "PySide6.QtHelp", "PySide6.QtSql", "PySide6.QtUiTools", "PySide6.QtXml", "PySide6.QtConcurrent",
]  # fmt: skip

_GTK = (
    "libqgtk3",
    "libgtk-",
    "libgdk",
    "libatk",
    "libpango",
    "libcairo",
    "libharfbuzz",
    "libpixman",
    "libthai",
    "libdatrie",
)


def without_gtk(binaries: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Leave out Qt's GTK look and what it drags in: the window has a look of its own."""
    return [entry for entry in binaries if not Path(entry[0]).name.startswith(_GTK)]
