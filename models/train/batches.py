"""Training batches as a function of seed and step, so that a run can be gone on with anywhere."""
import random

import numpy as np
import torch
from torch import Tensor

import corpus

CONTEXT = 4096
WINDOW = 320
TOKENS = 3840  # of a batch


def short(tokenizer, seed: int, step: int, is_late: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens and positions [n, WINDOW + 1] and loss weights [n, WINDOW] of packed documents.

    In half of the windows, positions jump at one place, so that every distance of the context is seen at the cost of a
    short window (after Zhu et al., PoSE, 2023, section 3.2; here one jump for all documents of a window).
    """
    rng = random.Random(seed * 1_000_003 + step)
    rows, row_weights, row_positions = [], [], []
    for _ in range(TOKENS // WINDOW):
        parts, length = [], 0
        while length < WINDOW + 1:
            parts.append(corpus.encode(tokenizer, corpus.document(rng, is_late)))
            length += len(parts[-1][0])
        rows.append(np.concatenate([tokens for tokens, _ in parts])[: WINDOW + 1])
        row_weights.append(np.concatenate([weights for _, weights in parts])[1 : WINDOW + 1])
        positions = np.arange(WINDOW + 1)
        if rng.random() < 0.5:
            positions[rng.randint(1, WINDOW) :] += rng.randint(0, CONTEXT - WINDOW - 1)
        row_positions.append(positions)
    return _tensors(rows, row_positions, row_weights)


def long(tokenizer, seed: int, step: int, is_late: bool) -> tuple[Tensor, Tensor, Tensor]:
    """As short, with one document of up to the whole context in each window."""
    rng = random.Random(seed * 1_000_003 + step)
    n_words = rng.randint(600, 2900)
    n_rows = max(1, 2900 // n_words)
    documents = [corpus.encode(tokenizer, corpus.long_document(rng, n_words)) for _ in range(n_rows)]
    length = min(CONTEXT, max(len(tokens) for tokens, _ in documents))
    rows, weights = [], []
    for tokens, weight in documents:
        tokens, weight = tokens[-length:], weight[-length:]
        rows.append(np.pad(tokens, (0, length - len(tokens))))
        weights.append(np.pad(weight, (0, length - len(weight)))[1:])
    return _tensors(rows, [np.arange(length)] * len(rows), weights)


def _tensors(rows, positions, weights) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.from_numpy(np.stack(rows).astype(np.int64)),
        torch.from_numpy(np.stack(positions).astype(np.float32)),
        torch.from_numpy(np.stack(weights).astype(np.float32)),
    )
