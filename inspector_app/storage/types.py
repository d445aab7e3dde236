"""Column types: text that may hold any file name, and times that sort."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

_SURROGATES = range(0xD800, 0xE000)
_SHIFT = 0x10F000 - _SURROGATES.start
_STAND_INS = range(_SURROGATES.start + _SHIFT, _SURROGATES.stop + _SHIFT)
_ESCAPE = chr(_STAND_INS.stop)
_TO_DATABASE = {code: chr(code + _SHIFT) for code in _SURROGATES} | {
    code: _ESCAPE + chr(code) for code in (*_STAND_INS, ord(_ESCAPE))
}
_FROM_DATABASE = re.compile(f"{_ESCAPE}(.)|([{chr(_STAND_INS.start)}-{chr(_STAND_INS.stop - 1)}])")


class AnyText(TypeDecorator[str]):
    """Any Python string, also a file name that is not valid Unicode.

    Such names hold lone surrogates, which UTF-8 cannot carry; characters of a private-use block stand in for
    them, and are escaped where they come by themselves.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return value if value is None or value.isascii() else value.translate(_TO_DATABASE)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Database to Python."""
        return value if value is None or value.isascii() else _FROM_DATABASE.sub(_unescaped, value)


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


def _unescaped(found: re.Match[str]) -> str:
    return found[1] or chr(ord(found[2]) - _SHIFT)
