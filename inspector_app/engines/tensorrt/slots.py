"""Batches under way: their buffers, and what is known of them until their results are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inspector_app.engines.tensorrt.device import DeviceBuffer, HostBuffer
from inspector_app.engines.tensorrt.execution import Shape


@dataclass(frozen=True, eq=False)
class Slot:
    """Buffers of one batch under way; with two of them copies overlap computing."""

    number: int
    host_tests: HostBuffer
    tests: DeviceBuffer
    logits: DeviceBuffer
    host_logits: HostBuffer
    uploaded: Any
    computed: Any
    done: Any


@dataclass(frozen=True, eq=False)
class Sent:
    """A batch under way: its slot, the shape of its logits, and how many of its images are wanted."""

    slot: Slot
    shape: Shape
    count: int
