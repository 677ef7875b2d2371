"""A question about a passage in the prompt, answered in one sentence."""
import world
from tasks import Example, facts

KINDS = {
    "place": ("Where does {name} live?", "{name} lives in {place}."),
    "job": ("What is {name}'s work?", "{name} works as a {job}."),
    "age": ("How old is {name}?", "{name} is {age} years old."),
    "thing": ("What does {name} have?", "{name} has a {color} {thing}."),
    "animal": ("Which animal does {name} keep?", "{name} keeps {an_animal}."),
    "food": ("What does {name} like to eat?", "{name} likes {food}."),
}


def ask(random, person: dict) -> tuple[str, str]:
    question, answer = KINDS[random.choice(list(KINDS))]
    return question.format(**person), answer.format(**person, an_animal=world.with_article(person["animal"]))


def make(random) -> Example:
    people = facts.people(random, random.randint(2, 3))
    passage = " ".join(facts.sentences(random, people))
    question, answer = ask(random, random.choice(people))
    return Example("questions", [(f"{passage}\n{question}", answer)])
