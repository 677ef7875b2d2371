"""A summary that copies the sentences marked with a star."""
from tasks import Example, facts


def make(random) -> Example:
    lines = facts.sentences(random, facts.people(random, random.randint(2, 3)))
    lines = lines[: random.randint(6, 12)]
    marked = set(random.sample(range(len(lines)), random.randint(2, 4)))
    text = "\n".join(f"* {line}" if index in marked else f"- {line}" for index, line in enumerate(lines))
    summary = "\n".join(line for index, line in enumerate(lines) if index in marked)
    return Example("summaries", [(f"Copy the lines marked with a star.\n{text}", summary)])
