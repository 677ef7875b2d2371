"""The tokenizer of the demo models: SentencePiece BPE with byte fallback, single digits and chat tokens."""
import random
from pathlib import Path

import sentencepiece

import corpus

VOCAB_SIZE = 1536
CHAT_TOKENS = ["<|user|>", "<|assistant|>", "<|end|>"]


def load(work: Path) -> sentencepiece.SentencePieceProcessor:
    """Trains it where it is not there yet; the same seed gives the same tokens."""
    path = work / "tokenizer.model"
    if not path.exists():
        _train(work)
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def _train(work: Path) -> None:
    rng = random.Random(1)
    text = work / "tokenizer.txt"
    with open(text, "w") as file:
        for _ in range(20_000):
            for piece, _ in corpus.document(rng):
                for token in [*CHAT_TOKENS, "</s>"]:
                    piece = piece.replace(token, "")
                file.write(piece + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(work / "tokenizer"),
        model_type="bpe",
        vocab_size=VOCAB_SIZE,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        control_symbols="",
        user_defined_symbols=[*CHAT_TOKENS, "\n"],
        unk_id=0,
        bos_id=1,
        eos_id=2,
        num_threads=2,
        minloglevel=1,
    )
