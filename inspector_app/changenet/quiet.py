"""Keeps third-party chatter out of a training's and an export's output."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet(logger_name: str, module: str) -> Iterator[None]:
    """Show only errors of one logger, and no warnings raised from modules that match the pattern."""
    logger = logging.getLogger(logger_name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=module)
            yield
    finally:
        logger.setLevel(before)
