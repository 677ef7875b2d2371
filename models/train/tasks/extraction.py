"""Facts of one person as JSON."""
import json

from tasks import Example, facts


def make(random) -> Example:
    people = facts.people(random, random.randint(1, 2))
    text = " ".join(facts.sentences(random, people))
    person = random.choice(people)
    record = {"name": person["name"], "age": person["age"], "place": person["place"], "job": person["job"]}
    record["thing"] = f"{person['color']} {person['thing']}"
    keys = ["name", *sorted(random.sample(list(record)[1:], random.randint(2, 4)), key=list(record).index)]
    ask = f"Write {', '.join(keys)} of {person['name']} as JSON.\n{text}"
    return Example("extraction", [(ask, json.dumps({key: record[key] for key in keys}))])
