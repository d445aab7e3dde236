"""The parts of a Fully Attentional Network (arXiv 2204.12451): attention over tokens, then over channels.

Tokens are ``N x T x C`` tensors; their grid ``(rows, columns)``, ``T = rows * columns``, goes along where a
part looks at neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

Grid = tuple[int, int]

NORM_EPSILON = 1e-6
EXPANSION = 4


class TokenAttention(nn.Module):
    """Multi-head self-attention over the tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Same shape as ``tokens``."""
        width = tokens.shape[-1]
        pairs: Tensor = self.kv(tokens)
        result: Tensor = self.proj(attend(self.q(tokens), pairs[..., :width], pairs[..., width:], self.heads))
        return result


class LocalMixing(nn.Module):
    """Two depthwise 3 x 3 convolutions on the token grid, with GELU and BatchNorm between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.bn = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, groups=width)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """Same shape as ``tokens``."""
        maps = self.conv2(self.bn(functional.gelu(self.conv1(to_map(tokens, grid)))))
        return to_tokens(maps)


class LocalMlp(nn.Module):
    """A token MLP whose hidden layer sees its neighbours: ``fc2(h + gamma * local(h))`` with ``h = fc1(x)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = EXPANSION * width
        self.gamma = nn.Parameter(torch.ones(hidden))
        self.fc1 = nn.Linear(width, hidden)
        self.dwconv = LocalMixing(hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """Same shape as ``tokens``."""
        hidden = self.fc1(tokens)
        result: Tensor = self.fc2(self.gamma * self.dwconv(hidden, grid) + hidden)
        return result


class ChannelAttention(nn.Module):
    """FAN's efficient channel attention: each channel of the MLP's result gets one weight of its head.

    With query ``Q`` and key ``K`` (``T x c`` a head, both softmaxed over the tokens) and ``k`` the mean of
    ``K`` over its channels, the weights are ``sigmoid(Q^T k)`` times the head's temperature: linear in the
    number of channels, where a full channel attention is quadratic.  The key is the input itself.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.mlp_v = LocalMlp(width)
        # Unlike every other norm of the backbone this one keeps the framework's epsilon, 1e-5.
        self.norm_v = nn.LayerNorm(width)
        self.q = nn.Linear(width, width)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """Same shape as ``tokens``."""
        # Softmax runs along the last axis, the tokens: runtimes handle that form best.
        query = split_heads(self.q(tokens), self.heads).transpose(-1, -2).softmax(-1)
        keys = split_heads(tokens, self.heads).transpose(-1, -2).softmax(-1)
        # A scaled sum: ONNX changed its mean between opset 17 and 18, and no converter goes back.
        key = keys.sum(-2).unsqueeze(-1) * (1.0 / keys.shape[-2])
        weights = torch.sigmoid(query @ key) * self.temperature
        result: Tensor = self.norm_v(self.mlp_v(tokens, grid)) * weights.flatten(1).unsqueeze(1)
        return result


class StochasticDepth(nn.Module):
    """In training, leave a residual out for a whole sample, with probability ``rate`` (arXiv 1603.09382)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, residual: Tensor) -> Tensor:
        """``residual``, in training with some samples zeroed and the others scaled up to keep the mean."""
        if not self.training or self.rate == 0:
            return residual
        kept = residual.new_empty((residual.shape[0],) + (1,) * (residual.ndim - 1)).bernoulli_(1 - self.rate)
        return residual * kept / (1 - self.rate)


class FanBlock(nn.Module):
    """Token attention, then channel attention with its MLP; both residual, scaled for each channel."""

    def __init__(self, width: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.gamma1 = nn.Parameter(torch.ones(width))
        self.gamma2 = nn.Parameter(torch.ones(width))
        self.norm1 = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.attn = TokenAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.mlp = ChannelAttention(width, heads)
        self.drop_path = StochasticDepth(drop_path)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """Same shape as ``tokens``."""
        tokens = tokens + self.drop_path(self.gamma1 * self.attn(self.norm1(tokens)))
        result: Tensor = tokens + self.drop_path(self.gamma2 * self.mlp(self.norm2(tokens), grid))
        return result


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Give softmax attention in each head, scaled by the root of its width, as ``N x T x C`` like ``query``."""
    # Spelt out: the framework's fused form leaves a tail of shape arithmetic in an exported graph.
    query, key, value = (split_heads(part, heads) for part in (query, key, value))
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    attended: Tensor = scores.softmax(-1) @ value
    return attended.transpose(1, 2).flatten(2)


def split_heads(tokens: Tensor, heads: int) -> Tensor:
    """Turn ``N x T x C`` into ``N x heads x T x C/heads``."""
    batch, count, width = tokens.shape
    return tokens.reshape(batch, count, heads, width // heads).transpose(1, 2)


def to_map(tokens: Tensor, grid: Grid) -> Tensor:
    """Lay ``N x T x C`` tokens out as an ``N x C x rows x columns`` map."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], *grid)


def to_tokens(maps: Tensor) -> Tensor:
    """Read an ``N x C x rows x columns`` map as ``N x T x C`` tokens, row by row."""
    return maps.flatten(2).transpose(1, 2)
