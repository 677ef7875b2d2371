"""Initial weights that copy: two heads of the first layer look one and two tokens back, and heads of later layers look
for the place whose preceding tokens are the current ones (the circuit of Olsson et al., "In-context Learning and
Induction Heads", 2022). Small models find it late or never; given as a start, everything else is learnt from there."""
import torch

from model import HEAD_SIZE, Transformer, frequencies

CONSTANT = 4.0  # of the first channel of every embedding; lets a head look at a place whatever the token is
SHIFT_PAIRS = 10  # pairs that turn fastest: they tell neighbours apart
MATCH_FROM = 14  # pairs from here on turn slowly: they compare contents at any distance
SHIFT_GAIN, MATCH_GAIN, COPY_GAIN = 40.0, 10.0, 2.0
NORM_GAIN = 2.0


def pair(shape, index: int) -> tuple[int, int]:
    """The two channels of a head which RoPE turns together."""
    return (2 * index, 2 * index + 1) if not shape.n_expert else (index, index + HEAD_SIZE // 2)


@torch.no_grad()
def start(model: Transformer) -> None:
    shape = model.shape
    n_match = (HEAD_SIZE // 2 - MATCH_FROM) // 2 * 2
    basis = torch.linalg.qr(torch.randn(shape.n_embd, shape.n_embd))[0].T
    basis[:, 0] = 0  # contents only
    tokens, back_one, back_two = basis[:HEAD_SIZE // 2], basis[HEAD_SIZE // 2 : HEAD_SIZE], basis[HEAD_SIZE : HEAD_SIZE * 3 // 2]
    model.embedding.weight[:, 0] = CONSTANT
    model.head.weight[:, 0] = 0
    first = model.blocks[0].attention
    unit = CONSTANT / (CONSTANT**2 / shape.n_embd + 1) ** 0.5  # the constant after normalization
    size = (SHIFT_GAIN * HEAD_SIZE**0.5 / SHIFT_PAIRS) ** 0.5 / unit
    turn = frequencies(torch.device("cpu"))
    first.k.weight[:HEAD_SIZE] *= 0.1
    first.q.weight[: 2 * HEAD_SIZE] *= 0.1
    for index in range(SHIFT_PAIRS):
        a, b = pair(shape, index)
        first.k.weight[a, 0] += size
        for head, distance in ((0, 1), (1, 2)):
            angle = -distance * turn[index]  # as if the query stood where it looks
            first.q.weight[head * HEAD_SIZE + a, 0] += size * angle.cos()
            first.q.weight[head * HEAD_SIZE + b, 0] += size * angle.sin()
    first.v.weight[: HEAD_SIZE // 2] = tokens
    first.output.weight[:, : HEAD_SIZE // 2] = back_one.T
    first.output.weight[:, HEAD_SIZE : HEAD_SIZE + HEAD_SIZE // 2] = back_two.T
    if shape.n_expert:
        first.q_norm *= NORM_GAIN
        first.k_norm *= NORM_GAIN
    gain = (MATCH_GAIN * HEAD_SIZE**0.5 / n_match) ** 0.5
    for block in model.blocks[1:]:
        heads = block.attention
        for index in range(n_match):
            for side in (0, 1):
                row = pair(shape, MATCH_FROM + index)[side]
                part = index
                near = side == 0
                heads.k.weight[row] = gain * (back_one if near else back_two)[part]
                heads.q.weight[row] = gain * (tokens if near else back_one)[part]
        rest = [row for index in range(MATCH_FROM) for row in pair(shape, index)]
        heads.k.weight[rest] *= 0.3
        heads.q.weight[rest] *= 0.3
        heads.v.weight[:HEAD_SIZE] = basis[-HEAD_SIZE:]
        heads.output.weight[:, :HEAD_SIZE] = COPY_GAIN * basis[-HEAD_SIZE:].T
        if shape.n_expert:  # whose normalization takes the gains away
            heads.q_norm *= NORM_GAIN
            heads.k_norm *= NORM_GAIN
