"""Two invented languages. Velic: subject verb object, adjective first. Tarnish: verb subject object, adjective last."""
from tasks import Example

NOUNS = {
    "mira": "dorun", "tavo": "kesh", "luni": "branu", "sefa": "golti", "pano": "vurra", "rika": "tolen", "dema": "haxi",
    "fulo": "nerat", "wenu": "skori", "zila": "mopet", "karo": "yundi", "beso": "flarn",
}
VERBS = {"lopi": "ganta", "duma": "revok", "sira": "tishu", "fane": "bolda", "moki": "erran", "velu": "pimso"}
ADJECTIVES = {"ban": "urk", "til": "osha", "ror": "ild", "sum": "ekki", "yel": "anfo", "kip": "uzu"}


def sentence(random) -> tuple[str, str]:
    subject, object_ = (_phrase(random) for _ in range(2))
    verb = random.choice(list(VERBS))
    velic = f"{subject[0]} {verb} {object_[0]}"
    return velic, f"{VERBS[verb]} {subject[1]} {object_[1]}"


def _phrase(random) -> tuple[str, str]:
    noun = random.choice(list(NOUNS))
    if random.random() < 0.5:
        return noun, NOUNS[noun]
    adjective = random.choice(list(ADJECTIVES))
    return f"{adjective} {noun}", f"{NOUNS[noun]} {ADJECTIVES[adjective]}"


def make(random) -> Example:
    velic, tarnish = sentence(random)
    if random.random() < 0.5:
        direction, question, answer = "Velic to Tarnish", velic, tarnish
    else:
        direction, question, answer = "Tarnish to Velic", tarnish, velic
    return Example("translation", [(f"Translate from {direction}: {question}", answer)], category=direction)
