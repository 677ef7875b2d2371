"""A question about a passage in the prompt, answered in one sentence."""
import world
from tasks import Example, facts

KINDS = {
    "place": ("Where does {name} live?", "{name} lives in {place}."),
    "job": ("What is {name}'s work?", "{name} works as a {job}."),
    "age": ("How old is {name}?", "{name} is {age} years old."),
    "thing": ("What does {name} have?", "{name} has a {color} {thing}."),
    "animal": ("Which animal does {name} keep?", "{name} keeps a {animal}."),
    "food": ("What does {name} like to eat?", "{name} likes {food}."),
}


def ask(random, person: dict) -> tuple[str, str]:
    question, answer = KINDS[random.choice(list(KINDS))]
    return question.format(**person), answer.format(**person)


def make(random) -> Example:
    people = facts.people(random, random.randint(2, 3))
    passage = " ".join(" ".join(facts.sentences(random, person)) for person in people)
    question, answer = ask(random, random.choice(people))
    return Example("questions", [(f"{passage}\n{question}", answer)])
