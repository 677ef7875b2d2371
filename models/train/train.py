"""Trains one of the demo models: train.py target | experts | draft. It goes on from its last checkpoint.

The draft learns from the target's distribution (train the target first) and from the corpus.
"""
import argparse
import functools
import json
import os
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import batches
import circuits
import tokenizer
from model import Shape, Transformer
from muon import Muon

HERE = Path(__file__).parent
SHAPES = {
    "target": Shape(tokenizer.VOCAB_SIZE, n_embd=256, n_layer=4, n_head=4, n_kv_head=2, n_ff=640),
    "experts": Shape(tokenizer.VOCAB_SIZE, 256, 4, 4, 2, n_ff=192, n_expert=8, n_expert_used=2),
    "draft": Shape(tokenizer.VOCAB_SIZE, n_embd=128, n_layer=2, n_head=2, n_kv_head=1, n_ff=320),
}
STEPS = {"target": 5600, "experts": 3000, "draft": 600}
SEEDS = {"target": 1, "experts": 2, "draft": 3}
LONG_FROM, LONG_EVERY = 0.3, 6  # from this share of the steps on, every so many batches are long ones
LATE_FROM = 0.75  # from this share of the steps on, the corpus has more of its hard tasks
WARM_UP, DECAY = 30, 0.4  # steps; share of the steps in which the rate falls to zero
MATRIX_RATE, OTHER_RATE = 0.01, 0.004
BALANCE_WEIGHT = 0.02
CHECKPOINT_EVERY = 100


def rate(step: int, n_steps: int) -> float:
    return min(1.0, (step + 1) / WARM_UP, (n_steps - step) / (DECAY * n_steps))


def loss_of(model: Transformer, teacher: Transformer | None, batch) -> torch.Tensor:
    """The summed loss of a batch, each token times its weight."""
    tokens, positions, weights = batch
    inputs, positions, labels = tokens[:, :-1], positions[:, :-1], tokens[:, 1:]
    kept = weights > 0  # what is not learned needs no logits
    logits = model.logits(model.hidden(inputs, positions)[kept])
    losses = F.cross_entropy(logits, labels[kept], reduction="none")
    if teacher is not None:
        with torch.no_grad():
            taught = teacher.logits(teacher.hidden(inputs, positions)[kept]).softmax(-1)
        losses = 0.2 * losses + 0.8 * F.cross_entropy(logits, taught, reduction="none")
    return (losses * weights[kept]).sum()


@functools.cache
def has_bfloat16(device: str) -> bool:
    """Whether matrices of bfloat16 are multiplied faster than those of float32."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    cpu = Path("/proc/cpuinfo")
    return cpu.exists() and "avx512_bf16" in cpu.read_text()


def gradients(model: Transformer, teacher: Transformer | None, batch) -> tuple[float, float]:
    """Leaves the gradients of the mean loss of a batch in the model; returns that loss and the balance of the experts."""
    device = batch[0].device.type
    with torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device)):
        loss = loss_of(model, teacher, batch) / batch[2].sum()
        balance = model.balance()
    (loss + BALANCE_WEIGHT * balance).backward()
    return loss.item(), balance.item()


def train(options: argparse.Namespace) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name, n_steps = options.name, options.steps or STEPS[options.name]
    torch.set_flush_denormal(True)
    tokens = tokenizer.load(options.work)
    torch.manual_seed(SEEDS[name])
    model = Transformer(SHAPES[name])
    circuits.start(model)
    model.to(device)
    teacher = None
    if name == "draft":
        teacher = Transformer(SHAPES["target"]).to(device)
        teacher.load_state_dict(torch.load(options.work / "target.pt", map_location=device)["model"])
    matrices = [weight for key, weight in model.blocks.named_parameters() if weight.ndim == 2 and "router" not in key]
    known = {id(weight) for weight in matrices}
    others = [weight for weight in model.parameters() if id(weight) not in known]
    optimizers = [Muon(matrices, MATRIX_RATE), torch.optim.Adam(others, OTHER_RATE, betas=(0.9, 0.95))]
    peaks = [MATRIX_RATE, OTHER_RATE]
    checkpoint, log = options.work / f"{name}.pt", options.work / f"{name}.jsonl"
    first, spent = 0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        first, spent = saved["step"], saved["seconds"]
    n_parameters = sum(weight.numel() for weight in model.parameters())
    print(f"{name}: {n_parameters:,} parameters, step {first} of {n_steps}, {device}", flush=True)
    started = time.time() - spent
    for step in range(first, n_steps):
        for optimizer, peak in zip(optimizers, peaks):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate(step, n_steps)
        is_long = step > LONG_FROM * n_steps and step % LONG_EVERY == 0
        batch = (batches.long if is_long else batches.short)(tokens, SEEDS[name], step, step > LATE_FROM * n_steps)
        loss, balance = gradients(model, teacher, tuple(part.to(device) for part in batch))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        record = {"step": step, "loss": loss, "long": is_long, "seconds": time.time() - started}
        with open(log, "a") as file:
            file.write(json.dumps(record | ({"balance": balance} if model.shape.n_expert else {})) + "\n")
        if step % 20 == 0:
            print(f"{step} loss {loss:.4f} {record['seconds']:.0f} s", flush=True)
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == n_steps:
            partial = checkpoint.with_suffix(".partial")
            states = [optimizer.state_dict() for optimizer in optimizers]
            torch.save({"model": model.state_dict(), "optimizers": states, "step": step + 1, "seconds": record["seconds"]}, partial)
            partial.replace(checkpoint)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=SHAPES)
    parser.add_argument("--work", type=Path, default=HERE / "work", help="checkpoints and losses")
    parser.add_argument("--steps", type=int, help="default: what the shipped models were trained with")
    options = parser.parse_args()
    keep_memory()
    options.work.mkdir(parents=True, exist_ok=True)
    tokenizer.load(options.work)
    train(options)


def keep_memory() -> None:
    """Starts the program again with an allocator that gives no memory back: twice as fast on Linux."""
    settings = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_TOP_PAD_": str(1 << 30)}
    if not sys.platform.startswith("linux") or settings.items() <= os.environ.items():
        return
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | settings)


if __name__ == "__main__":
    main()
