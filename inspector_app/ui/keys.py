"""Every action on a key. Plain characters belong to the barcode wedge, so actions sit on other keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from inspector_app.ui.scan_burst import ScanBurst

_PRESSED_BY_SPACE = (QAbstractButton, QComboBox, QAbstractItemView)


ListedKey = tuple[str, str, str]
"""As the help lists it: the key, what it does, the group."""


@dataclass(frozen=True)
class KeyAction:
    """A key, what it does, and where it is listed."""

    key: str
    text: str
    group: str
    run: Callable[[], object]
    everywhere: bool = False
    """Whether it works on every page, not on Inspect alone."""

    @property
    def listed(self) -> ListedKey:
        """Its line in the help."""
        return self.key, self.text, self.group


def bind(window: QWidget, page: QWidget, actions: tuple[KeyAction, ...]) -> None:
    """Make the shortcuts; those of a page work only while it is on top."""
    for action in actions:
        owner = window if action.everywhere else page
        context = (
            Qt.ShortcutContext.WindowShortcut
            if action.everywhere
            else Qt.ShortcutContext.WidgetWithChildrenShortcut
        )
        shortcut = QShortcut(QKeySequence(action.key), owner)
        shortcut.setContext(context)
        shortcut.setAutoRepeat(action.group == "View")
        shortcut.activated.connect(lambda run=action.run: _call(run))


def _call(run: Callable[[], object]) -> None:
    run()


class WedgeFilter(QObject):
    """Sends plain typing on a page to its scan field, and tells keys that are held.

    A barcode wedge types like a keyboard. Whatever has the focus, what it types belongs into the scan field. In
    another text field a person may be writing: there speed tells. Space inspects, unless the scan field holds a
    code being typed.
    """

    def __init__(
        self,
        page: QWidget,
        scan_field: QLineEdit,
        take: Callable[[str], None],
        take_scan: Callable[[str], None],
        trigger: Callable[[], object],
        held: dict[Qt.Key, Callable[[bool], None]],
    ) -> None:
        """``take`` gets plain text, ``take_scan`` a whole code that was scanned into another field, ``trigger``
        a space or Enter, each of ``held`` its key's going down and up."""
        super().__init__(page)
        self._page = page
        self._scan = scan_field
        self._take = take
        self._take_scan = take_scan
        self._burst = ScanBurst()
        self._trigger = trigger
        self._held = held
        QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() is QEvent.Type.WindowDeactivate and watched is self._page.window():
            # The key's going up will be heard by another window.
            for tell in self._held.values():
                tell(False)
        if not isinstance(event, QKeyEvent) or not isinstance(watched, QWidget) or not self._on_top(watched):
            return False
        elsewhere = _writing(watched) and watched is not self._scan
        if event.key() in self._held and not elsewhere:
            if not event.isAutoRepeat() and event.type() in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                self._held[Qt.Key(event.key())](event.type() is QEvent.Type.KeyPress)
            return event.type() is not QEvent.Type.ShortcutOverride
        if event.type() is QEvent.Type.ShortcutOverride:
            # A code has no use for the key that moves the cursor home; the view has.
            return watched is self._scan and event.key() == Qt.Key.Key_Home
        if event.type() is QEvent.Type.KeyPress:
            return self._typed(watched, event)
        return False

    def _on_top(self, watched: QWidget) -> bool:
        window = self._page.window()
        return self._page.isVisible() and watched.window() is window and watched is QApplication.focusWidget()

    def _typed(self, watched: QWidget, event: QKeyEvent) -> bool:
        text = event.text()
        command = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        if command or not text or not text.isprintable():
            return self._enter(watched, event)
        if event.key() == Qt.Key.Key_Space and self._space_triggers(watched):
            self._trigger()
            return True
        if _writing(watched):
            if watched is not self._scan:
                self._burst.typed(watched, event)
            return False
        if event.key() == Qt.Key.Key_Space and isinstance(watched, _PRESSED_BY_SPACE):
            return False
        self._take(text)
        return True

    def _enter(self, watched: QWidget, event: QKeyEvent) -> bool:
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return False
        if code := self._burst.entered(watched, event):
            self._take_scan(code)
            return True
        if _writing(watched) or isinstance(watched, _PRESSED_BY_SPACE):
            return False
        self._trigger()
        return True

    def _space_triggers(self, watched: QWidget) -> bool:
        if watched is self._scan:
            return not self._scan.text() or self._scan.selectedText() == self._scan.text()
        return not _writing(watched) and not isinstance(watched, _PRESSED_BY_SPACE)


def _writing(widget: QWidget) -> bool:
    """Whether typing goes into this widget already."""
    return isinstance(widget, QLineEdit | QPlainTextEdit | QAbstractSpinBox)
