"""The bundle's start: PyInstaller needs a script, not a module."""

import multiprocessing

from inspector_app.__main__ import main

if __name__ == "__main__":
    # A process that the program starts begins here too.
    multiprocessing.freeze_support()
    main()
