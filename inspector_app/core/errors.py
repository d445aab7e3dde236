"""Errors typed by whom they are for.

``OperatorError``: something the person at the station can mend (an unreadable image, an unplugged camera).
``KeeperError``: something the station's keeper can mend (a full disk, a wrong model file).
Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations


class InspectorError(Exception):
    """A known fault.

    Attributes:
        code: stable snake_case word, the one that stands in records and CSV.
        message: one plain sentence for a person.
        hint: what to do about it; may be empty.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[type[InspectorError], tuple[str, str, str]]:
        return type(self), (self.code, self.message, self.hint)


class OperatorError(InspectorError):
    """A fault that the operator can mend."""


class KeeperError(InspectorError):
    """A fault that the station's keeper or an engineer can mend."""
