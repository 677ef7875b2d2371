"""Mixes the tasks into documents of tokens, and writes the held-out prompts."""
import functools
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

# Share of the examples, not of the tokens: at first, and later, when what is learnt soon makes room for what is not.
SHORT_TASKS = [
    (stories.make, 10, 6),
    (questions.make, 14, 20),
    (summaries.make, 12, 18),
    (edits.make, 16, 30),
    (arithmetic.make, 20, 8),
    (extraction.make, 12, 24),
    (translation.make, 18, 6),
    (lambda rng: retrieval.make(rng, rng.randint(50, 150), rng.randint(1, 4)), 14, 8),
    (chats.make, 10, 8),
    (chats.about_people, 6, 8),
    (chats.small_talk, 3, 2),
]


def render(example: Example) -> list[tuple[str, float]]:
    """Pieces of a conversation with the weight of their tokens in the loss, as the chat template writes them."""
    pieces = []
    for user, assistant in example.turns:
        pieces += [(f"<|user|>{user}<|end|>", 0.1), ("<|assistant|>", 0.0), (f"{assistant}<|end|>", 1.0)]
    return pieces


def document(rng: random.Random, is_late: bool = False) -> list[tuple[str, float]]:
    if rng.random() < 0.06:
        return [(stories.tell(rng, rng.choice(world.NAMES), rng.choice(world.SPOTS)) + "</s>", 1.0)]
    while True:
        shares = [late if is_late else early for _, early, late in SHORT_TASKS]
        make = rng.choices([task for task, _, _ in SHORT_TASKS], shares)[0]
        example = make(rng)
        if not is_held_out(example):
            return render(example)


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


@functools.cache
def _held_out_questions() -> set[tuple[str, ...]]:
    return {questions_of(example) for examples in held_out().values() for example in examples}


def questions_of(example: Example) -> tuple[str, ...]:
    return tuple(user for user, _ in example.turns)


def is_held_out(example: Example) -> bool:
    """Whether a conversation, or one of its questions alone, is a held-out prompt."""
    asked = questions_of(example)
    return asked in _held_out_questions() or any((question,) in _held_out_questions() for question in asked)


def held_out() -> dict[str, list[Example]]:
    """Prompts that training never sees, by task."""
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
    """One JSON object a line: {"messages": [...], "answer": ..., "check": "exact" | "contains", "wanted": [...], "category": ...}."""
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
                record |= {"category": example.category} if example.category else {}
                file.write(json.dumps(record) + "\n")
