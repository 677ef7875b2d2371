"""Draws the losses of the training runs as models/train/losses.svg: plot.py"""
import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

import train  # noqa: E402

SMOOTHING = 20  # steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=train.HERE / "work")
    options = parser.parse_args()
    figure, axes = plt.subplots(figsize=(7, 4))
    for name in train.SHAPES:
        log = options.work / f"{name}.jsonl"
        if not log.exists():
            continue
        records = [json.loads(line) for line in log.read_text().splitlines()]
        short = [record for record in records if not record["long"]]
        smooth, value = [], short[0]["loss"]
        for record in short:
            value += (record["loss"] - value) / min(len(smooth) + 1, SMOOTHING)
            smooth.append(value)
        axes.plot([record["step"] for record in short], smooth, label=f"{name}, {records[-1]['seconds'] / 60:.0f} min")
    axes.set(xlabel="step", ylabel="loss, nats a token", yscale="log")
    axes.legend()
    figure.tight_layout()
    figure.savefig(train.HERE / "losses.svg")


if __name__ == "__main__":
    main()
