"""Make the pictures of the documentation: the real window on the bundled demo set.

Run ``python docs/make_pictures.py`` in a checkout; without a screen it draws offscreen, or on Xvfb with
``xvfb-run -s "-screen 0 1920x1080x24"``. Only the demo set is shown, for its pictures are ours to give.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from inspector_app.bootstrap import Inspector, open_inspector
from inspector_app.core.geometry import Region
from inspector_app.core.inspection import Identity
from inspector_app.ui.shell import BATCH, HISTORY, INSPECT, Shell
from inspector_app.ui.theme import DARK, LIGHT, Theme

OUT = Path(__file__).parent / "pictures"
PATIENCE_S = 120.0
SMALL, LARGE = (1280, 800), (1920, 1080)


class Photographer:
    """Brings the window into a state, waits until it is still, and takes its picture."""

    def __init__(self, app: QApplication, inspector: Inspector) -> None:
        self._app = app
        self.shell = Shell(inspector, app)
        self.demo = inspector.demo_folder()
        self.shell.window.show()
        self.shell.start()
        self.settle()

    def settle(self) -> None:
        """Until no background work is left."""
        end = time.monotonic() + PATIENCE_S
        still = 0
        while still < 3:
            self._app.processEvents()
            still = still + 1 if self.shell.runner.idle else 0
            if time.monotonic() > end:
                raise TimeoutError("the window did not come to rest")
            time.sleep(0.02)

    def take(self, name: str, size: tuple[int, int], theme: Theme) -> None:
        """Write ``docs/pictures/<name>.png``."""
        self.shell.set_theme(theme)
        self.shell.window.banner.dismiss()
        self.shell.window.resize(*size)
        self.settle()
        self.shell.window.grab().save(str(OUT / f"{name}.png"))
        print(f"{name}.png  {size[0]} x {size[1]}  {theme.name}")

    def pair(self, product: str, kind: str, number: int = 0) -> None:
        """Open a pair of the demo set; it is inspected."""
        self.shell.pair.open_golden(self.demo / product / "golden.png")
        self.settle()
        self.shell.pair.open_test(self.demo / product / "test" / kind / f"{number:03}.png")
        self.settle()


def inspect_pictures(camera: Photographer) -> None:
    """The Inspect page: a fail, one of its defects, a preview, drawn regions, a pass."""
    shell, page = camera.shell, camera.shell.inspect_page
    page.identity.lot.setText("L-118")
    page.identity.operator.setText("A. Berg")
    shell.window.stack.setCurrentIndex(INSPECT)
    for number in range(3):
        page.identity.serial.setText(f"FB-2093{number}")
        camera.pair("fuse_box", "good", number)
    page.identity.serial.setText("FB-20934")
    camera.pair("fuse_box", "missing_fuse")
    camera.take("inspect", SMALL, LIGHT)
    camera.take("inspect-dark", LARGE, DARK)
    page.step_defect(1)
    page.view_bar.next_mode()
    camera.take("defect", SMALL, LIGHT)
    page.view.fit()
    shell.pair.set_limits(shell.pair.setup.limits.model_copy(update={"min_area_px": 9000}))
    camera.settle()
    page.view_bar.next_mode()
    camera.take("preview", SMALL, LIGHT)
    page.view_bar.next_mode()
    shell.pair.set_setup(shell.pair.setup.reset())
    page.view_bar.regions.click()
    box = ((46.0, 98.0), (512.0, 98.0), (512.0, 392.0), (46.0, 392.0))
    label = ((102.0, 50.0), (458.0, 50.0), (458.0, 91.0), (102.0, 91.0))
    regions = (
        Region(name="fuses", mode="inspect", points=box),
        Region(name="label", mode="ignore", points=label),
    )
    shell.pair.set_setup(shell.pair.setup.with_regions(regions))
    camera.take("regions", SMALL, DARK)
    page.view_bar.regions.click()
    shell.pair.set_setup(shell.pair.setup.reset())
    camera.settle()


def table_pictures(camera: Photographer) -> None:
    """The Batch page with the demo's totals, its scores, and the History page."""
    shell = camera.shell
    shell.window.stack.setCurrentIndex(BATCH)
    shell.batch.start_demo()
    camera.settle()
    shell.batch_page.table.selectRow(4)
    camera.take("batch", SMALL, LIGHT)
    camera.take("batch-large", LARGE, DARK)
    shell.batch_page.scores.click()
    time.sleep(1.0)
    camera.take("scores", SMALL, LIGHT)
    shell.batch_page.scores.click()
    shell.window.stack.setCurrentIndex(HISTORY)
    camera.settle()
    shell.history_page.table.selectRow(1)
    camera.take("history", SMALL, LIGHT)


def main() -> int:
    """Make them all, on an empty data folder."""
    OUT.mkdir(exist_ok=True)
    app = QApplication(sys.argv[:1])
    with tempfile.TemporaryDirectory() as folder:
        inspector = open_inspector(Path(folder), {})
        camera = Photographer(app, inspector)
        camera.take("first-start", SMALL, LIGHT)
        camera.shell.pair.set_identity(Identity())
        inspect_pictures(camera)
        table_pictures(camera)
        camera.shell.close()
        inspector.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
