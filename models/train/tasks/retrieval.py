"""A word that was said far above: records of names and words between story sentences."""
import world
from tasks import Example, stories


def make(random, n_words: int = 150, n_questions: int = 1) -> Example:
    """`n_words` of text above the first question, about as many tokens times 1.3."""
    n_records = max(3, min(40, n_words // 40))
    names = random.sample(world.NAMES, n_records)
    records = {name: f"{random.choice(world.COLORS)} {random.choice(world.MATERIALS)}" for name in names}
    lines = [f"The password of {name} is {word}." for name, word in records.items()]
    n_words -= 7 * len(lines)
    while n_words > 0:
        filler = stories.tell(random, random.choice(world.NAMES), random.choice(world.SPOTS)).split(". ")
        for sentence in filler:
            lines.append(sentence.rstrip(".") + ".")
            n_words -= len(sentence.split())
    random.shuffle(lines)
    text = " ".join(lines)
    turns = [
        (f"What is the password of {name}?", f"The password of {name} is {records[name]}.")
        for name in random.sample(names, min(n_questions, n_records))
    ]
    turns[0] = (f"{text}\n{turns[0][0]}", turns[0][1])
    return Example("retrieval", turns)
