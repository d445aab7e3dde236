"""The style sheet, with ``@word`` where a theme's colour goes. Widgets say what they are by ``kind``."""

SHEET = """
QWidget { color: @text; }
QMainWindow, QDialog { background: @window; }
QToolTip { background: @raised; color: @text; border: 1px solid @line_strong; padding: 6px; }

QFrame[kind="rail"] { background: @rail; border: none; border-right: 1px solid @line; }
QFrame[kind="bar"] { background: @surface; border: none; border-bottom: 1px solid @line; }
QFrame[kind="foot"] { background: @surface; border: none; border-top: 1px solid @line; }
QFrame[kind="side"] { background: @surface; border: none; border-left: 1px solid @line; }
QFrame[kind="card"] { background: @raised; border: 1px solid @line; border-radius: 8px; }
QFrame[kind="rule"] { background: @line; border: none; max-height: 1px; min-height: 1px; }
QFrame[kind="vrule"] { background: @line; border: none; max-width: 1px; min-width: 1px; }
QFrame[kind="plain"], QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; border: none; }

QLabel[kind="title"] { font-size: 20px; font-weight: 600; }
QLabel[kind="heading"] { font-size: 15px; font-weight: 600; }
QLabel[kind="caption"] { font-size: 12px; font-weight: 600; color: @text_3; }
QLabel[kind="small"] { font-size: 12px; color: @text_2; }
QLabel[kind="dim"] { color: @text_2; }
QLabel[kind="value"] { font-size: 18px; font-weight: 600; }
QLabel[kind="figure"] { font-size: 15px; font-weight: 600; }
QLabel[kind="tiny"] { font-size: 11px; color: @text_2; }
QLabel[kind="preview"] {
    background: @accent_quiet; border: 1px dashed @accent; border-radius: 6px; padding: 6px 10px; }

QPushButton { icon-size: 20px; }
QToolButton { icon-size: 22px; }
QPushButton, QToolButton {
    background: @raised; border: 1px solid @line_strong; border-radius: 6px;
    padding: 0 12px; min-height: 42px; font-weight: 500; }
QPushButton:hover, QToolButton:hover { border-color: @accent; }
QPushButton:pressed, QToolButton:pressed { background: @pressed; }
QPushButton:checked, QToolButton:checked {
    background: @accent_quiet; border-color: @accent; }
QPushButton:disabled, QToolButton:disabled { color: @line_strong; border-color: @line; background: transparent; }
QPushButton:focus, QToolButton:focus { border: 2px solid @accent; padding: 0 11px; min-height: 40px; }
QPushButton[kind="primary"] {
    background: @accent; color: @on_accent; border-color: @accent; font-size: 15px; font-weight: 600; padding: 0 20px; }
QPushButton[kind="primary"]:disabled { background: @line; border-color: @line; color: @text_3; }
QPushButton[kind="primary"][waits="true"] {
    background: @raised; color: @text; border-color: @line_strong; }
QPushButton[kind="primary"]:focus { border: 2px solid @text; padding: 0 19px; }
QPushButton[kind="quiet"], QToolButton[kind="quiet"] { background: transparent; border-color: transparent; }
QPushButton[kind="quiet"]:hover, QToolButton[kind="quiet"]:hover { border-color: @line_strong; }
QPushButton[kind="quiet"]:checked, QToolButton[kind="quiet"]:checked {
    background: @accent_quiet; border-color: @accent; }
QPushButton[kind="quiet"]:disabled { border-color: transparent; }
QPushButton[kind="fact"] {
    background: transparent; border: none; color: @text_2; font-size: 12px; font-weight: 400; padding: 0 2px;
    min-height: 28px; }
QPushButton[kind="fact"]:hover { color: @text; text-decoration: underline; }
QPushButton[kind="link"] {
    background: transparent; border: none; color: @accent; padding: 0 4px; min-height: 32px; text-align: left; }
QPushButton[kind="link"]:hover { text-decoration: underline; }
QPushButton[kind="segment"] { border-radius: 0; margin: 0; padding: 0 10px; }
QPushButton[kind="segment"]:focus { padding: 0 9px; }
QPushButton[kind="segment"][place="first"] { border-top-left-radius: 6px; border-bottom-left-radius: 6px; }
QPushButton[kind="segment"][place="middle"] { border-left: none; }
QPushButton[kind="segment"][place="last"] {
    border-left: none; border-top-right-radius: 6px; border-bottom-right-radius: 6px; }
QToolButton[kind="small"] { background: transparent; border: none; min-height: 32px; padding: 0 8px; }
QToolButton[kind="nav"] {
    background: transparent; border: none; border-radius: 8px; padding: 8px 2px 6px 2px;
    font-size: 12px; color: @text_2; min-height: 52px; min-width: 68px; icon-size: 26px; }
QToolButton[kind="nav"]:hover { background: @surface; }
QToolButton[kind="nav"]:checked { background: @raised; color: @text; font-weight: 600; }
QToolButton[kind="nav"]:focus { border: 2px solid @accent; padding: 6px 0 4px 0; min-height: 52px; }
QToolButton::menu-indicator { image: none; }

QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox, QDateEdit, QPlainTextEdit {
    background: @raised; border: 1px solid @line_strong; border-radius: 6px; padding: 0 10px; min-height: 36px;
    selection-background-color: @accent; selection-color: @on_accent; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus, QPlainTextEdit:focus {
    border: 2px solid @accent; padding: 0 9px; }
QLineEdit[kind="scan"] { font-size: 16px; font-weight: 600; }
QAbstractSpinBox QLineEdit { border: none; background: transparent; min-height: 34px; padding: 0; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {
    color: @text_3; background: transparent; border-color: @line;
}
QSpinBox, QDoubleSpinBox, QSpinBox:focus, QDoubleSpinBox:focus { padding: 0; }
QComboBox QLineEdit, QComboBox QLineEdit:focus { border: none; background: transparent; min-height: 0; padding: 0; }
QComboBox { padding-right: 26px; }
QComboBox::drop-down { width: 30px; border: none; }
QComboBox::down-arrow { image: url("@chevron"); width: 18px; height: 18px; }
QComboBox[kind="tall"] { min-height: 42px; }
QPushButton::menu-indicator { image: url("@chevron"); width: 18px; height: 18px; subcontrol-position: right center;
    right: 8px; }
QPushButton[kind="menu"], QPushButton[kind="menu"]:focus { padding-right: 30px; }
QComboBox QAbstractItemView {
    background: @raised; border: 1px solid @line_strong; selection-background-color: @accent_quiet;
    selection-color: @text; outline: none; }
QComboBox QAbstractItemView::item { min-height: 34px; }
QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button, QDoubleSpinBox::down-button {
    width: 0; border: none; }

QSlider { min-height: 26px; }
QSlider::groove:horizontal { height: 4px; background: @line_strong; border-radius: 2px; }
QSlider::sub-page:horizontal { background: @accent; border-radius: 2px; }
QSlider::handle:horizontal {
    background: @raised; border: 2px solid @accent; width: 18px; height: 18px; margin: -9px 0; border-radius: 11px; }
QSlider::handle:horizontal:focus { background: @accent; }
QSlider::handle:horizontal:disabled { border-color: @line_strong; }
QSlider::sub-page:horizontal:disabled { background: @line_strong; }

QCheckBox { spacing: 8px; min-height: 36px; }

QMenu { background: @raised; border: 1px solid @line_strong; padding: 4px; }
QMenu::item { padding: 10px 28px 10px 14px; border-radius: 4px; }
QMenu::item:selected { background: @accent_quiet; }
QMenu::item:disabled { color: @text_3; }
QMenu::separator { height: 1px; background: @line; margin: 4px 8px; }

QTableView, QListView {
    background: @raised; border: none; outline: none; gridline-color: @line;
    selection-background-color: @accent_quiet; selection-color: @text; }
QTableView::item { border-bottom: 1px solid @line; padding: 0 8px; }
QTableView::item:selected { background: @accent_quiet; color: @text; }
QHeaderView { background: @surface; border: none; }
QHeaderView::section {
    background: @surface; color: @text_2; border: none; border-bottom: 1px solid @line_strong; padding: 0 8px;
    min-height: 36px; font-size: 12px; font-weight: 600; }
QTableCornerButton::section { background: @surface; border: none; }

QProgressBar { background: @line; border: none; border-radius: 4px; max-height: 8px; min-height: 8px; }
QProgressBar::chunk { background: @accent; border-radius: 4px; }

QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar::handle:vertical { background: @line_strong; border-radius: 4px; min-height: 36px; margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle:horizontal { background: @line_strong; border-radius: 4px; min-width: 36px; margin: 2px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: @line; }
QSplitter::handle:horizontal { width: 1px; }
"""
