"""Column types: text that may hold any file name, and times that sort."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

_FIRST, _LAST = 0xD800, 0xDFFF
_PRIVATE = 0x10F000
_TO_PRIVATE = {code: _PRIVATE + code - _FIRST for code in range(_FIRST, _LAST + 1)}
_FROM_PRIVATE = {private: code for code, private in _TO_PRIVATE.items()}


class AnyText(TypeDecorator[str]):
    """Any Python string, also a file name that is not valid Unicode.

    Such names hold lone surrogates, which UTF-8 cannot carry; they travel in a private-use block instead.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return value if value is None or value.isascii() else value.translate(_TO_PRIVATE)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Database to Python."""
        return value if value is None or value.isascii() else value.translate(_FROM_PRIVATE)


class UtcTime(TypeDecorator[datetime]):
    """An aware time as ISO 8601 text in UTC with microseconds, so that text order is time order."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Python to database; a naive time is a bug and raises ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs a time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Database to Python, aware, in UTC."""
        return None if value is None else datetime.fromisoformat(value)
