"""A transformer as llama.cpp runs it: RMSNorm, grouped-query attention with RoPE, SwiGLU; dense
(architecture llama) or with routed experts (architecture qwen3moe)."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEAD_SIZE = 64
EPSILON = 1e-5
ROPE_BASE = 1_000_000.0


@dataclass
class Shape:
    n_vocab: int
    n_embd: int
    n_layer: int
    n_head: int
    n_kv_head: int
    n_ff: int  # of each expert where there are some
    n_expert: int = 0
    n_expert_used: int = 0

    @property
    def architecture(self) -> str:
        return "qwen3moe" if self.n_expert else "llama"


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON) * weight


def frequencies(device: torch.device) -> Tensor:
    """Of RoPE, in radians a token, one for each pair of channels."""
    return ROPE_BASE ** (-torch.arange(0, HEAD_SIZE, 2, device=device) / HEAD_SIZE)


def rotate(x: Tensor, positions: Tensor, neighbours: bool) -> Tensor:
    """RoPE on x [batch, head, n, HEAD_SIZE] at positions [batch, n]: pairs are neighbours (llama) or halves (qwen)."""
    angles = positions[:, None, :, None] * frequencies(x.device)
    cos, sin = angles.cos(), angles.sin()
    if neighbours:
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)


class Attention(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        width, kv_width = shape.n_head * HEAD_SIZE, shape.n_kv_head * HEAD_SIZE
        self.q = nn.Linear(shape.n_embd, width, bias=False)
        self.k = nn.Linear(shape.n_embd, kv_width, bias=False)
        self.v = nn.Linear(shape.n_embd, kv_width, bias=False)
        self.output = nn.Linear(width, shape.n_embd, bias=False)
        if shape.n_expert:
            self.q_norm = nn.Parameter(torch.ones(HEAD_SIZE))
            self.k_norm = nn.Parameter(torch.ones(HEAD_SIZE))

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        shape = self.shape
        batch, n, _ = x.shape
        q = self.q(x).view(batch, n, shape.n_head, HEAD_SIZE).transpose(1, 2)
        k = self.k(x).view(batch, n, shape.n_kv_head, HEAD_SIZE).transpose(1, 2)
        v = self.v(x).view(batch, n, shape.n_kv_head, HEAD_SIZE).transpose(1, 2)
        if shape.n_expert:
            q, k = rms_norm(q, self.q_norm), rms_norm(k, self.k_norm)
        neighbours = not shape.n_expert
        q, k = rotate(q, positions, neighbours), rotate(k, positions, neighbours)
        group = shape.n_head // shape.n_kv_head
        q = (q * HEAD_SIZE**-0.5).reshape(batch * shape.n_kv_head, group * n, HEAD_SIZE)
        k, v = k.reshape(-1, n, HEAD_SIZE), v.reshape(-1, n, HEAD_SIZE)
        scores = torch.baddbmm(mask.repeat(group, 1), q, k.transpose(-1, -2))
        mixed = scores.softmax(-1) @ v
        return self.output(mixed.view(batch, shape.n_head, n, HEAD_SIZE).transpose(1, 2).reshape(batch, n, -1))


class FeedForward(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.gate = nn.Linear(shape.n_embd, shape.n_ff, bias=False)
        self.up = nn.Linear(shape.n_embd, shape.n_ff, bias=False)
        self.down = nn.Linear(shape.n_ff, shape.n_embd, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Experts(nn.Module):
    """The `n_expert_used` likeliest experts of each token, their weights scaled to sum to one."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.router = nn.Linear(shape.n_embd, shape.n_expert, bias=False)
        self.experts = nn.ModuleList(FeedForward(shape) for _ in range(shape.n_expert))
        self.balance = torch.zeros(())  # loss of the last forward pass: 1 when all experts are used alike

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        with torch.autocast(x.device.type, enabled=False):  # small, and near ties decide
            probs = self.router(flat.float()).softmax(-1)
        top, chosen = probs.topk(self.shape.n_expert_used, -1)
        top = top / top.sum(-1, keepdim=True)
        used = F.one_hot(chosen, self.shape.n_expert).sum(1).float().mean(0) / self.shape.n_expert_used
        self.balance = self.shape.n_expert * (used * probs.mean(0)).sum()
        order = chosen.flatten().argsort()  # the rows of each expert side by side
        rows = order // self.shape.n_expert_used
        parts = flat[rows].split(chosen.flatten().bincount(minlength=self.shape.n_expert).tolist())
        outputs = torch.cat([expert(part) for expert, part in zip(self.experts, parts)])
        out = torch.zeros_like(flat).index_add(0, rows, outputs * top.flatten()[order, None])
        return out.view_as(x)


class Block(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.attention_norm = nn.Parameter(torch.ones(shape.n_embd))
        self.attention = Attention(shape)
        self.ffn_norm = nn.Parameter(torch.ones(shape.n_embd))
        self.ffn = Experts(shape) if shape.n_expert else FeedForward(shape)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attention(rms_norm(x, self.attention_norm), positions, mask)
        return x + self.ffn(rms_norm(x, self.ffn_norm))


class Transformer(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.n_vocab, shape.n_embd)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layer))
        self.norm = nn.Parameter(torch.ones(shape.n_embd))
        self.head = nn.Linear(shape.n_embd, shape.n_vocab, bias=False)
        for name, weight in self.blocks.named_parameters():
            if weight.ndim == 2:
                small = 0.1 if name.endswith(("output.weight", "down.weight")) else 1
                nn.init.normal_(weight, std=small * weight.shape[1] ** -0.5)
        nn.init.normal_(self.embedding.weight)
        with torch.no_grad():
            self.head.weight.copy_(0.01 * self.embedding.weight)

    def hidden(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """[batch, n, n_embd] before the output matrix."""
        n = tokens.shape[1]
        mask = torch.full((n, n), float("-inf"), device=tokens.device).triu(1)
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, positions, mask)
        return rms_norm(x, self.norm)

    def logits(self, hidden: Tensor) -> Tensor:
        return self.head(hidden)

    def balance(self) -> Tensor:
        """1 when all experts are used alike, and more the less they are; 0 without experts."""
        if not self.shape.n_expert:
            return torch.zeros((), device=self.norm.device)
        return torch.stack([block.ffn.balance for block in self.blocks]).mean()
