"""Two quiet palettes and how they are put on the application.

Grey is normal; strong colour is kept for what is abnormal, and never stands without a word or a shape.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from inspector_app.core.verdict import Verdict
from inspector_app.ui.theme_sheet import SHEET


@dataclass(frozen=True)
class VerdictColours:
    """How one verdict is painted: its tint, what is written on the tint, and its quiet background."""

    solid: str
    on_solid: str
    quiet: str


@dataclass(frozen=True)
class Theme:
    """Every colour of the window, by its duty."""

    name: str
    window: str
    rail: str
    surface: str
    raised: str
    pressed: str
    line: str
    line_strong: str
    text: str
    text_2: str
    text_3: str
    accent: str
    on_accent: str
    accent_quiet: str
    canvas: str
    passed: VerdictColours
    failed: VerdictColours
    review: VerdictColours
    error: VerdictColours
    mask: str = "#FF2E93"
    truth: str = "#00B8F5"
    inspect_region: str = "#2F9BFF"
    ignore_region: str = "#9AA3AD"

    @property
    def dark(self) -> bool:
        """Whether text is light on dark."""
        return self.name == "dark"

    def verdict(self, verdict: Verdict) -> VerdictColours:
        """The colours of a verdict."""
        return {
            Verdict.PASS: self.passed,
            Verdict.FAIL: self.failed,
            Verdict.REVIEW: self.review,
            Verdict.ERROR: self.error,
        }[verdict]


LIGHT = Theme(
    name="light",
    window="#E7E9EB",
    rail="#DADDE1",
    surface="#F4F5F6",
    raised="#FFFFFF",
    pressed="#D3D7DC",
    line="#D0D4D9",
    line_strong="#A3AAB3",
    text="#1B1F24",
    text_2="#4C545E",
    text_3="#67707B",
    accent="#2D5B88",
    on_accent="#FFFFFF",
    accent_quiet="#D8E3EE",
    canvas="#C6CACF",
    passed=VerdictColours("#4C6A5A", "#FFFFFF", "#F4F5F6"),
    failed=VerdictColours("#C4211F", "#FFFFFF", "#FBE3E1"),
    review=VerdictColours("#F0AE00", "#231A00", "#FDF1CC"),
    error=VerdictColours("#6B47B8", "#FFFFFF", "#ECE5F9"),
)

DARK = Theme(
    name="dark",
    window="#1C1F23",
    rail="#16181B",
    surface="#25292E",
    raised="#30353B",
    pressed="#1A1D20",
    line="#3A4047",
    line_strong="#5C656F",
    text="#E9EBEE",
    text_2="#B7BEC6",
    text_3="#939BA5",
    accent="#7FB0DE",
    on_accent="#0F1B27",
    accent_quiet="#2C4056",
    canvas="#121416",
    passed=VerdictColours("#8FB8A2", "#10201A", "#25292E"),
    failed=VerdictColours("#E5433F", "#FFFFFF", "#4A2223"),
    review=VerdictColours("#F2B824", "#231A00", "#463A17"),
    error=VerdictColours("#A184EA", "#170B33", "#362B52"),
)


def theme_named(name: str) -> Theme:
    """``dark`` or, for anything else, light."""
    return DARK if name == "dark" else LIGHT


def style_sheet(theme: Theme, icons: Path) -> str:
    """The one style sheet with the theme's colours and icons put in."""
    sheet = SHEET.replace("@chevron", (icons / f"chevron-{theme.name}.svg").as_posix())
    words = {field.name: getattr(theme, field.name) for field in fields(theme)}
    for name in sorted(words, key=len, reverse=True):
        if isinstance(words[name], str):
            sheet = sheet.replace(f"@{name};", f"{words[name]};").replace(f"@{name} ", f"{words[name]} ")
    return sheet


def app_font() -> QFont:
    """The interface's type: the platform's own sans, in a size that suits arm's length."""
    font = QFont()
    font.setFamilies(["Inter", "Segoe UI", "SF Pro Text", "Noto Sans", "Cantarell", "DejaVu Sans"])
    font.setPixelSize(14)
    return font


def apply_theme(app: QApplication, theme: Theme, icons: Path) -> None:
    """Set font, palette and style sheet of the whole application."""
    sheet = style_sheet(theme, icons)
    if app.styleSheet() == sheet:
        # Putting it on again would dress every widget anew.
        return
    app.setStyle("Fusion")
    app.setFont(app_font())
    app.setPalette(_palette(theme))
    app.setStyleSheet(sheet)


def _palette(theme: Theme) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: theme.window,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.Base: theme.raised,
        QPalette.ColorRole.AlternateBase: theme.surface,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.Button: theme.surface,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.Highlight: theme.accent,
        QPalette.ColorRole.HighlightedText: theme.on_accent,
        QPalette.ColorRole.ToolTipBase: theme.raised,
        QPalette.ColorRole.ToolTipText: theme.text,
        QPalette.ColorRole.PlaceholderText: theme.text_3,
        QPalette.ColorRole.Mid: theme.line_strong,
        QPalette.ColorRole.Link: theme.accent,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.line_strong))
    return palette
