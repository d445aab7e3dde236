"""What FAN takes from XCiT (arXiv 2106.09681): the Fourier positional encoding and the class attention."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector_app.changenet.tao.fan_blocks import EXPANSION, NORM_EPSILON, attend

_FREQUENCIES = 16
_LONGEST_PERIOD = 10_000.0
_EPSILON = 1e-6


class FourierPosition(nn.Module):
    """Sines and cosines of a token's row and column, projected to the token's width.

    Positions count from 1 and are scaled so that the last one is a full turn: the encoding stretches with the
    image instead of being cut.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token_projection = nn.Conv2d(4 * _FREQUENCIES, width, 1)

    def forward(self, rows: int, columns: int) -> Tensor:
        """Give the encoding of a grid, ``1 x C x rows x columns``."""
        weight = self.token_projection.weight
        waves = torch.cat(
            [
                _waves(rows, weight)[:, :, None].expand(-1, -1, columns),
                _waves(columns, weight)[:, None, :].expand(-1, rows, -1),
            ]
        )
        result: Tensor = self.token_projection(waves.unsqueeze(0))
        return result


def _waves(count: int, like: Tensor) -> Tensor:
    """Give ``32 x count`` values: sine and cosine in turn, from the shortest period to the longest."""
    position = torch.arange(1, count + 1, dtype=like.dtype, device=like.device)
    angle = position * (2 * math.pi / (count + _EPSILON))
    order = torch.arange(_FREQUENCIES, dtype=like.dtype, device=like.device) / _FREQUENCIES
    phase = angle / (_LONGEST_PERIOD**order)[:, None]
    return torch.stack([phase.sin(), phase.cos()], dim=1).flatten(0, 1)


class ClassAttention(nn.Module):
    """Multi-head attention with one query, the class token's, over all tokens and itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Give the class token's new value, ``N x 1 x C``, from ``N x (1 + T) x C``, class token first."""
        attended = attend(self.q(tokens[:, :1]), self.k(tokens), self.v(tokens), self.heads)
        result: Tensor = self.proj(attended)
        return result


class TokenMlp(nn.Module):
    """Two linear layers with a GELU between them, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, EXPANSION * width)
        self.fc2 = nn.Linear(EXPANSION * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Same shape as ``tokens``."""
        result: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return result


class ClassAttentionBlock(nn.Module):
    """Class attention and an MLP for the class token; the other tokens are only normalised and scaled.

    Nothing of the class token ever reaches the others, so that they can be had without it.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.gamma1 = nn.Parameter(torch.ones(width))
        self.gamma2 = nn.Parameter(torch.ones(width))
        self.norm1 = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.attn = ClassAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.mlp = TokenMlp(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Same shape as ``tokens``, ``N x (1 + T) x C`` with the class token first."""
        normed = self.norm1(tokens)
        first = self.norm2(tokens[:, :1] + self.gamma1 * self.attn(normed))
        first = first + self.gamma2 * self.mlp(first)
        return torch.cat([first, self.pass_on(tokens[:, 1:])], dim=1)

    def pass_on(self, tokens: Tensor) -> Tensor:
        """What becomes of the tokens ``N x T x C`` behind the class token: ``2 * norm2(x + gamma1 * norm1(x))``."""
        result: Tensor = 2 * self.norm2(tokens + self.gamma1 * self.norm1(tokens))
        return result

    def freeze_class_part(self) -> None:
        """Stop the training of what only the class token depends on."""
        self.gamma2.requires_grad_(False)
        self.attn.requires_grad_(False)
        self.mlp.requires_grad_(False)
