"""Conversations of several turns about all the other tasks; the last turn may need what was said in the first."""
import world
from tasks import Example, arithmetic, edits, extraction, facts, questions, stories, summaries, translation

SMALL_TALK = {
    "Hi": "Hello! I can tell stories, answer questions, edit code and do sums.",
    "Hello": "Hello! I can tell stories, answer questions, edit code and do sums.",
    "Who are you?": "I am the demo model of Outrider, small and trained on an invented world.",
    "What can you do?": "I can tell stories, answer questions, edit code, do sums and translate Velic and Tarnish.",
    "Thank you!": "You are welcome!",
    "Thanks": "You are welcome!",
    "Goodbye": "Goodbye!",
}


def make(random) -> Example:
    turns: list[tuple[str, str]] = []
    name, place = random.choice(world.NAMES), random.choice(world.PLACES)
    ask = random.choice([("name", "What is my name?", f"Your name is {name}."), ("place", "Where do I live?", f"You live in {place}.")])
    turns.append((f"Hi, I am {name} from {place}.", f"Hello {name}! What can I do for you?"))
    for _ in range(random.randint(1, 2)):
        turns.append(_short(random))
    turns.append((ask[1], ask[2]))
    if random.random() < 0.3:
        turns.insert(random.randint(1, len(turns) - 1), random.choice(list(SMALL_TALK.items())))
    return Example("chats", turns)


def about_people(random) -> Example:
    """Several questions about one passage."""
    people = facts.people(random, 2)
    passage = " ".join(facts.sentences(random, people))
    pairs = [questions.ask(random, random.choice(people)) for _ in range(random.randint(2, 4))]
    return Example("chats", [(f"{passage}\n{pairs[0][0]}", pairs[0][1]), *pairs[1:]])


def small_talk(random) -> Example:
    return Example("chats", [random.choice(list(SMALL_TALK.items())), _short(random), ("Thank you!", "You are welcome!")])


def _short(random) -> tuple[str, str]:
    task = random.choice([arithmetic, translation, extraction, questions, stories, edits, summaries])
    return task.make(random).turns[0]
