"""Facts about people, as sentences; the passages of several tasks are made of them."""
import world


def people(random, count: int) -> list[dict]:
    return [
        {
            "name": name,
            "age": random.randint(6, 79),
            "place": random.choice(world.PLACES),
            "job": random.choice(world.JOBS),
            "animal": random.choice(world.ANIMALS),
            "color": random.choice(world.COLORS),
            "thing": random.choice(world.THINGS),
            "food": random.choice(world.FOODS),
        }
        for name in random.sample(world.NAMES, count)
    ]


def sentences(random, people: list[dict]) -> list[str]:
    """Every fact of every person, one a sentence; a person alone is also called she or he."""
    return [sentence for person in people for sentence in _of_person(random, person, len(people) == 1)]


def _of_person(random, person: dict, with_pronouns: bool) -> list[str]:
    name, she = person["name"], world.pronoun(person["name"])
    facts = [
        f"{name} lives in {person['place']}.",
        f"{name} works as a {person['job']}.",
        f"{name} is {person['age']} years old.",
        f"{name} has a {person['color']} {person['thing']}.",
        f"{name} keeps {world.with_article(person['animal'])}.",
        f"{name} likes {person['food']}.",
    ]
    random.shuffle(facts)
    return [facts[0], *(fact.replace(name, she, 1) if with_pronouns and random.random() < 0.3 else fact for fact in facts[1:])]
