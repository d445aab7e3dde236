"""The published sizes of the FAN-hybrid backbone.

Widths, depths and heads are those of the FAN paper (arXiv 2204.12451, hybrid variants); from which block the
third feature map is taken is TAO's choice.  The numbers in the names are not always the depths.
"""

from __future__ import annotations

from dataclasses import dataclass

STEM_WIDTHS = (128, 256)
STRIDES = (4, 8, 16, 16)


@dataclass(frozen=True)
class FanSize:
    """What tells one size from another.

    Attributes:
        width: channels of a token; also of the third and fourth feature map.
        depth: number of FAN blocks at stride 16.
        heads: heads of token and channel attention.
        stem_depths: ConvNeXt blocks at strides 4 and 8.
        tapped_block: index of the FAN block that gives the third feature map; the fourth comes after them all.
    """

    width: int
    depth: int
    heads: int
    stem_depths: tuple[int, int]
    tapped_block: int

    @property
    def feature_widths(self) -> tuple[int, int, int, int]:
        """Channels of the four feature maps, at strides 4, 8, 16 and 16."""
        return (*STEM_WIDTHS, self.width, self.width)


FAN_SIZES = {
    "fan_tiny_8_p4_hybrid": FanSize(192, 8, 8, (3, 3), 7),
    "fan_small_12_p4_hybrid": FanSize(384, 10, 8, (3, 3), 9),
    "fan_base_16_p4_hybrid": FanSize(448, 16, 8, (3, 3), 15),
    "fan_large_16_p4_hybrid": FanSize(480, 22, 10, (3, 5), 18),
}


def fan_size(name: str) -> FanSize:
    """Look a backbone up by TAO's name for it.

    Raises:
        ValueError: there is no such backbone; the message lists those there are.
    """
    if name not in FAN_SIZES:
        raise ValueError(f"there is no backbone {name!r}; known are {', '.join(FAN_SIZES)}")
    return FAN_SIZES[name]
