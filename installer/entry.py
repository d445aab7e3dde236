"""The bundle's start: PyInstaller needs a script, not a module."""

from inspector_app.__main__ import main

main()
