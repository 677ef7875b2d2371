"""Mixes the tasks into documents of tokens, and writes the held-out prompts."""
import json
import random
from pathlib import Path

import numpy as np

import world
from tasks import (
    Example,
    arithmetic,
    chats,
    edits,
    extraction,
    questions,
    retrieval,
    stories,
    summaries,
    translation,
)

EVAL_PROMPTS = 40  # of each task
EVAL_SEED = 7_000_000  # training seeds stay below
RETRIEVAL_WORDS = {"retrieval-1k": 720, "retrieval-4k": 2800}

# Share of the examples, not of the tokens.
SHORT_TASKS = [
    (stories.make, 10),
    (questions.make, 14),
    (summaries.make, 12),
    (edits.make, 16),
    (arithmetic.make, 20),
    (extraction.make, 12),
    (translation.make, 18),
    (lambda rng: retrieval.make(rng, rng.randint(50, 150), rng.randint(1, 4)), 14),
    (chats.make, 10),
    (chats.about_people, 6),
    (chats.small_talk, 3),
]


def render(example: Example) -> list[tuple[str, float]]:
    """Pieces of a conversation with the weight of their tokens in the loss, as the chat template writes them."""
    pieces = []
    for user, assistant in example.turns:
        pieces += [(f"<|user|>{user}<|end|>", 0.1), ("<|assistant|>", 0.0), (f"{assistant}<|end|>", 1.0)]
    return pieces


def document(rng: random.Random) -> list[tuple[str, float]]:
    if rng.random() < 0.06:
        return [(stories.tell(rng, rng.choice(world.NAMES), rng.choice(world.SPOTS)) + "</s>", 1.0)]
    make = rng.choices([task for task, _ in SHORT_TASKS], [share for _, share in SHORT_TASKS])[0]
    return render(make(rng))


def long_document(rng: random.Random, n_words: int) -> list[tuple[str, float]]:
    return render(retrieval.make(rng, n_words, 6))


def encode(tokenizer, pieces: list[tuple[str, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Tokens [n] uint16 and weights [n] float16, the begin token first."""
    tokens, weights = [tokenizer.bos_id()], [0.0]
    for piece, weight in pieces:
        encoded = tokenizer.encode(piece)
        tokens += encoded
        weights += [weight] * len(encoded)
    return np.array(tokens, np.uint16), np.array(weights, np.float16)


def held_out() -> dict[str, list[Example]]:
    """Prompts that no training seed makes, by task."""
    makers = {
        "stories": stories.make,
        "questions": questions.make,
        "summaries": summaries.make,
        "edits": edits.make,
        "arithmetic": arithmetic.make,
        "extraction": extraction.make,
        "translation": translation.make,
        **{name: (lambda rng, n=n: retrieval.make(rng, n)) for name, n in RETRIEVAL_WORDS.items()},
        "chats": chats.make,
    }
    return {
        name: [make(random.Random(EVAL_SEED + index)) for index in range(EVAL_PROMPTS)]
        for name, make in makers.items()
    }


def write_held_out(folder: Path) -> None:
    """One JSON object a line: {"messages": [...], "answer": ..., "check": "exact" | "contains", "wanted": [...]}."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, examples in held_out().items():
        with open(folder / f"{name}.jsonl", "w") as file:
            for example in examples:
                messages = [
                    {"role": role, "content": text}
                    for turn in example.turns
                    for role, text in zip(("user", "assistant"), turn)
                ]
                answer = messages.pop()["content"]
                record = {"messages": messages, "check": example.check}
                record |= {"wanted": example.wanted} if example.check == "contains" else {"answer": answer}
                file.write(json.dumps(record) + "\n")
