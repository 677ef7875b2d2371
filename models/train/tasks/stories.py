"""Short stories with one hero, one friend, one place and one thing, which stay the same to the end."""
import world
from tasks import Example


def tell(random, hero: str, spot: str) -> str:
    friend = random.choice([name for name in world.NAMES if name != hero])
    trait, thing, color = random.choice(world.TRAITS), random.choice(world.THINGS), random.choice(world.COLORS)
    animal, food = random.choice(world.ANIMALS), random.choice(world.FOODS)
    an_animal = world.with_article(animal)
    she, her = world.pronoun(hero), world.possessive(hero)
    opening = random.choice(
        [
            f"Once upon a time there was a {trait} child named {hero}.",
            f"Once there lived a {trait} child called {hero}.",
            f"{hero} was a very {trait} child.",
        ]
    )
    walk = random.choice(
        [f"One day {hero} went to the {spot}.", f"One morning {she.lower()} walked to the {spot}."]
    )
    find = f"There {she.lower()} found a {color} {thing}."
    middle = random.choice(
        [
            f'"Whose {thing} is this?" asked {hero}. {an_animal.capitalize()} came out and said, "It belongs to {friend}."',
            f"{an_animal.capitalize()} sat beside the {thing} and looked sad. {hero} gave the {animal} some {food}.",
            f"{hero} wanted to keep the {color} {thing}, but then {she.lower()} heard {friend} cry.",
        ]
    )
    turn = random.choice(
        [
            f"So {hero} took the {color} {thing} and looked for {friend}.",
            f"{hero} ran all over the {spot} until {she.lower()} saw {friend}.",
        ]
    )
    thanks = random.choice(
        [
            f'"You found my {thing}!" said {friend}. "Thank you, {hero}!"',
            f'{friend} smiled and said, "Thank you for bringing my {color} {thing}."',
        ]
    )
    close = random.choice(
        [
            f"Then {hero} and {friend} ate {food} together and were happy.",
            f"{hero} and {friend} became good friends and shared {her} {food}.",
            f"From that day on, {hero} and {friend} played in the {spot} every day.",
        ]
    )
    return " ".join([opening, walk, find, middle, turn, thanks, close, "The end."])


def make(random) -> Example:
    hero, spot = random.choice(world.NAMES), random.choice(world.SPOTS)
    ask = random.choice(
        [f"Tell a story about {hero} in the {spot}.", f"Write a short story. Hero: {hero}. Place: the {spot}."]
    )
    return Example("stories", [(ask, tell(random, hero, spot))], "contains", [hero, spot, "The end."])
