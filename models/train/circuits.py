"""Initial weights that copy: heads of the first layer look one, two, ... tokens back, and heads of later layers look for
the place whose preceding tokens are the current ones (the circuit of Olsson et al., "In-context Learning and Induction
Heads", 2022). Small models find it late or never; given as a start, everything else is learnt from there."""
import torch

from model import HEAD_SIZE, Transformer, frequencies

CONSTANT = 4.0  # of the first channel of every embedding; lets a head look at a place whatever the token is
SHIFT_PAIRS = 10  # pairs that turn fastest: they tell neighbours apart
MATCH_FROM = 14  # pairs from here on turn slowly: they compare contents at any distance
SHIFT_GAIN, MATCH_GAIN, COPY_GAIN = 40.0, 15.0, 2.0
SHARPNESS = 1.6  # of the other queries and keys
NORM_GAIN = 2.0
WIDTH = HEAD_SIZE // 2  # channels that carry a token


def pair(shape, index: int) -> tuple[int, int]:
    """The two channels of a head which RoPE turns together."""
    return (2 * index, 2 * index + 1) if not shape.n_expert else (index, index + HEAD_SIZE // 2)


@torch.no_grad()
def start(model: Transformer) -> None:
    shape = model.shape
    basis = torch.linalg.qr(torch.randn(shape.n_embd, shape.n_embd))[0].T
    basis[:, 0] = 0  # contents only
    # channels[k]: the token k back, 0 being the current one
    n_back = 2 * shape.n_kv_head
    channels = [basis[k * WIDTH : (k + 1) * WIDTH] for k in range(n_back + 1)]
    model.embedding.weight[:, 0] = CONSTANT
    model.head.weight[:, 0] = 0
    for block in model.blocks:
        block.attention.q.weight *= SHARPNESS
        block.attention.k.weight *= SHARPNESS
        if shape.n_expert:  # whose normalization takes the gains away
            block.attention.q_norm *= NORM_GAIN
            block.attention.k_norm *= NORM_GAIN
    for kv_head in range(shape.n_kv_head):
        _look_back(model, kv_head, channels)
        for block in model.blocks[1:]:
            _match(block.attention, shape, kv_head, channels)
            rows = slice(kv_head * HEAD_SIZE, (kv_head + 1) * HEAD_SIZE)
            block.attention.v.weight[rows] = basis[-HEAD_SIZE:]
            head = kv_head * (shape.n_head // shape.n_kv_head)
            columns = slice(head * HEAD_SIZE, (head + 1) * HEAD_SIZE)
            block.attention.output.weight[:, columns] = COPY_GAIN * basis[-HEAD_SIZE:].T


def _look_back(model: Transformer, kv_head: int, channels: list[torch.Tensor]) -> None:
    """Two heads of the first layer write the tokens 2 kv_head + 1 and 2 kv_head + 2 back into their channels."""
    shape, heads = model.shape, model.blocks[0].attention
    turn = frequencies(torch.device("cpu"))
    unit = CONSTANT / (CONSTANT**2 / shape.n_embd + 1) ** 0.5  # the constant after normalization
    size = (SHIFT_GAIN * HEAD_SIZE**0.5 / SHIFT_PAIRS) ** 0.5 / unit
    key = kv_head * HEAD_SIZE
    heads.k.weight[key : key + HEAD_SIZE] *= 0.1
    heads.v.weight[key : key + WIDTH] = channels[0]
    for index in range(SHIFT_PAIRS):
        heads.k.weight[key + pair(shape, index)[0], 0] += size
    for nth in range(2):
        back = 2 * kv_head + 1 + nth
        query = (kv_head * (shape.n_head // shape.n_kv_head) + nth) * HEAD_SIZE
        heads.q.weight[query : query + HEAD_SIZE] *= 0.1
        for index in range(SHIFT_PAIRS):
            a, b = pair(shape, index)
            angle = -back * turn[index]  # as if the query stood where it looks
            heads.q.weight[query + a, 0] += size * angle.cos()
            heads.q.weight[query + b, 0] += size * angle.sin()
        heads.output.weight[:, query : query + WIDTH] = channels[back].T


def _match(heads, shape, kv_head: int, channels: list[torch.Tensor]) -> None:
    """The first head of a group compares the tokens before a place with the latest ones, two of them."""
    n_match = (HEAD_SIZE // 2 - MATCH_FROM) // 2 * 2
    gain = (MATCH_GAIN * HEAD_SIZE**0.5 / n_match) ** 0.5
    key = kv_head * HEAD_SIZE
    query = kv_head * (shape.n_head // shape.n_kv_head) * HEAD_SIZE
    for index in range(HEAD_SIZE // 2):
        for nth, row in enumerate(pair(shape, index)):
            if index < MATCH_FROM:
                heads.k.weight[key + row] *= 0.3
                heads.q.weight[query + row] *= 0.3
                continue
            back = 2 * kv_head + 1 + nth
            heads.k.weight[key + row] = gain * channels[back][index - MATCH_FROM]
            heads.q.weight[query + row] = gain * channels[back - 1][index - MATCH_FROM]
