"""Writes the held-out prompts to models/eval: write_eval.py"""
from pathlib import Path

import corpus

if __name__ == "__main__":
    corpus.write_held_out(Path(__file__).parent.parent / "eval")
