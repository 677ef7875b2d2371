"""The people, places and things that every task speaks of."""

NAMES = (
    "Mia Tom Ana Ben Lily Sam Nora Leo Ella Max Ruby Finn Ida Hugo Vera Otto Clara Jonas Tess Emil Rosa Karl Maya Felix "
    "Greta Oscar Lena Anton Stella Victor Wanda Simon Paula Henry Alma Peter Doris Martin Iris Edgar Hanna Gustav Olga "
    "Bruno Sonja Walter Frieda Arthur"
).split()
PLACES = "Oakvale Millbrook Stonebridge Ashford Riverton Greenhill Foxdale Seaport Hillcrest Lakeside Thornwood Elmsworth".split()
SPOTS = ["forest", "garden", "market", "harbor", "meadow", "library", "mill", "old tower", "bakery", "river bank"]
COLORS = "red blue green yellow white black brown silver golden purple".split()
THINGS = "kite lamp drum boat coat clock basket key bell book lantern hat cup rope map mirror".split()
ANIMALS = "fox owl cat dog hare goat crow duck mouse horse".split()
FOODS = "bread soup apples cheese pears honey cake plums nuts berries".split()
JOBS = "baker miller sailor teacher painter farmer tailor smith gardener fisher".split()
TRAITS = "brave kind quiet clever cheerful careful curious patient".split()
MATERIALS = "amber copper ivory marble velvet cedar pearl crystal bronze cotton granite silk maple jade coral iron".split()


def pronoun(name: str) -> str:
    """She or he, the same for a name in every text."""
    women_too, men_too = {"Iris", "Doris", "Tess"}, {"Henry"}
    return "She" if (name[-1] in "aey" and name not in men_too) or name in women_too else "He"


def possessive(name: str) -> str:
    return "her" if pronoun(name) == "She" else "his"


def with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
