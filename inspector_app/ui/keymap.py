"""Which key does what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from inspector_app.core.verdict import Disposition
from inspector_app.ui.keys import KeyAction, ListedKey, WedgeFilter, bind
from inspector_app.ui.records.record_pane import RecordPane

if TYPE_CHECKING:
    from inspector_app.ui.shell import Shell


HELD: tuple[ListedKey, ...] = (
    ("Hold Insert", "Hide the mask", "View"),
    ("Hold End", "See the golden in the test's place", "View"),
)


def bind_keys(shell: Shell) -> WedgeFilter:
    """Make every shortcut, and the filter that sends plain typing to the scan field."""
    everywhere, inspect = window_keys(shell), inspect_keys(shell)
    batch = (*batch_keys(shell), *pane_keys(shell.batch_page.pane))
    history = (*history_keys(shell), *pane_keys(shell.history_page.pane))
    bind(shell.window, shell.inspect_page, (*everywhere, *inspect))
    bind(shell.window, shell.batch_page, batch)
    bind(shell.window, shell.history_page, history)
    # In the order of the pages.
    shell.actions.keys = (
        ("Inspect", (*_listed(inspect), *HELD, *_listed(everywhere))),
        ("Batch", (*_listed(batch), *_listed(everywhere))),
        ("History", (*_listed(history), *_listed(everywhere))),
    )
    page, bar = shell.inspect_page, shell.inspect_page.view_bar
    held = {
        Qt.Key.Key_Insert: lambda on: bar.update_prefs(hidden=on),
        Qt.Key.Key_End: lambda on: bar.update_prefs(blink=on),
    }
    identity = page.identity
    return WedgeFilter(page, identity.serial, identity.take_key, identity.take_scan, page.enter, held)


def _listed(actions: tuple[KeyAction, ...]) -> tuple[ListedKey, ...]:
    return tuple(action.listed for action in actions)


def window_keys(shell: Shell) -> tuple[KeyAction, ...]:
    """On every page."""
    stack = shell.window.stack
    return (
        KeyAction("F1", "The keys of this page", "Window", shell.actions.show_keys, True),
        KeyAction("Ctrl+1", "Inspect page", "Window", lambda: stack.setCurrentIndex(0), True),
        KeyAction("Ctrl+2", "Batch page", "Window", lambda: stack.setCurrentIndex(1), True),
        KeyAction("Ctrl+3", "History page", "Window", lambda: stack.setCurrentIndex(2), True),
        KeyAction("Ctrl+D", "Light or dark", "Window", shell.toggle_theme, True),
        KeyAction("Ctrl+F11", "Full screen", "Window", shell.window.toggle_full_screen, True),
        KeyAction("Esc", "Dismiss the message, or back to live", "Window", shell.dismiss, True),
    )


def inspect_keys(shell: Shell) -> tuple[KeyAction, ...]:
    """On the Inspect page."""
    page, actions, live, pair = shell.inspect_page, shell.actions, shell.live, shell.pair
    bar, view = page.view_bar, page.view
    return (
        KeyAction("F5", "Inspect (also Space, Enter after a scan)", "Inspect", live.trigger),
        KeyAction("F2", "Start or stop the live source", "Inspect", actions.start_stop),
        KeyAction("F3", "Continuous", "Inspect", page.actions_bar.repeat.toggle),
        KeyAction("F4", "Use this frame as golden", "Inspect", pair.use_test_as_golden),
        KeyAction("F9", "Confirm defect", "Decide", lambda: page.decide(Disposition.CONFIRMED)),
        KeyAction("F10", "False call", "Decide", lambda: page.decide(Disposition.FALSE_CALL)),
        KeyAction("F11", "Accept with a reason", "Decide", lambda: page.decide(Disposition.ACCEPTED)),
        KeyAction("F12", "Repaired", "Decide", lambda: page.decide(Disposition.REPAIRED)),
        KeyAction("PgDown", "Next defect", "View", lambda: page.step_defect(1)),
        KeyAction("PgUp", "Previous defect", "View", lambda: page.step_defect(-1)),
        KeyAction("F6", "Mask as fill, outline or heat map", "View", bar.next_mode),
        KeyAction("F7", "Truth on or off", "View", bar.truth.toggle),
        KeyAction("Up", "More opacity", "View", lambda: bar.step_opacity(0.1)),
        KeyAction("Down", "Less opacity", "View", lambda: bar.step_opacity(-0.1)),
        KeyAction("Home", "Whole picture", "View", view.fit),
        KeyAction("Ctrl++", "Zoom in", "View", lambda: view.zoom_by(1.4)),
        KeyAction("Ctrl+-", "Zoom out", "View", lambda: view.zoom_by(1 / 1.4)),
        KeyAction("Ctrl+G", "Open a golden", "Set up", actions.open_golden),
        KeyAction("Ctrl+O", "Open a test image", "Set up", actions.open_test),
        KeyAction("Ctrl+T", "Open an annotation", "Set up", actions.open_truth),
        KeyAction("Ctrl+L", "Choose the live source", "Set up", actions.choose_source),
        KeyAction("F8", "Draw regions", "Set up", bar.regions.toggle),
        KeyAction("Ctrl+Z", "Take back a corner or region", "Set up", page.undo_region),
        KeyAction("Ctrl+S", "Save as recipe revision", "Set up", actions.save_recipe),
        KeyAction("Ctrl+R", "Reset the limits", "Set up", page.limits.reset.emit),
        KeyAction(
            "Ctrl+P", "Alignment, view, goldens, defects allowed, scale", "Set up", actions.change_setup
        ),
        KeyAction("Ctrl+M", "Choose the model", "Set up", actions.show_models),
        KeyAction("Ctrl+I", "The engine, and why no better one runs", "Set up", actions.show_engines),
        KeyAction("Ctrl+N", "Counters to zero", "Set up", shell.counters.start_anew),
    )


def batch_keys(shell: Shell) -> tuple[KeyAction, ...]:
    """On the Batch page."""
    page, actions = shell.batch_page, shell.actions
    return (
        KeyAction("F5", "Start", "Batch", page.start.click),
        KeyAction("F2", "Cancel", "Batch", shell.batch.cancel),
        KeyAction("Ctrl+O", "Choose the folder", "Batch", actions.batch_folder),
        KeyAction("Ctrl+G", "Choose the golden", "Batch", actions.batch_golden),
        KeyAction("Ctrl+T", "Choose the annotations", "Batch", actions.batch_truth),
        KeyAction("Ctrl+H", "Spread of the scores", "Batch", page.scores.toggle),
        KeyAction("Ctrl+F", "Search", "Batch", page.filter.text.setFocus),
        *_export_keys(shell),
    )


def history_keys(shell: Shell) -> tuple[KeyAction, ...]:
    """On the History page."""
    page = shell.history_page
    return (
        KeyAction("F5", "Look again", "History", page.search),
        KeyAction("Ctrl+F", "Search", "History", page.filter.text.setFocus),
        *_export_keys(shell),
    )


def _export_keys(shell: Shell) -> tuple[KeyAction, ...]:
    export = shell.actions.export_current
    return (
        KeyAction("Ctrl+E", "Export CSV", "Export", lambda: export(False)),
        KeyAction("Ctrl+Shift+E", "Export defects CSV", "Export", lambda: export(True)),
    )


def pane_keys(pane: RecordPane) -> tuple[KeyAction, ...]:
    """Where a record is shown beside a table; arrows stay with the table."""
    bar = pane.view_bar
    return (
        KeyAction("F9", "Confirm defect", "Decide", lambda: pane.decide(Disposition.CONFIRMED)),
        KeyAction("F10", "False call", "Decide", lambda: pane.decide(Disposition.FALSE_CALL)),
        KeyAction("F11", "Accept with a reason", "Decide", lambda: pane.decide(Disposition.ACCEPTED)),
        KeyAction("F12", "Repaired", "Decide", lambda: pane.decide(Disposition.REPAIRED)),
        KeyAction("Ctrl+PgDown", "Next defect", "View", lambda: pane.step(1)),
        KeyAction("Ctrl+PgUp", "Previous defect", "View", lambda: pane.step(-1)),
        KeyAction("F6", "Mask as fill, outline or heat map", "View", bar.next_mode),
        KeyAction("F7", "Truth on or off", "View", bar.truth.toggle),
        KeyAction("Ctrl+Home", "Whole picture", "View", pane.view.fit),
    )
