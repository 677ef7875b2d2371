"""An edit of a small code file; the answer repeats most of it."""
import re

from tasks import Example

VARIABLES = "total count price size width height speed score limit index value offset weight amount level rate".split()
FUNCTIONS = "add scale clamp merge check update reset apply".split()


def file_of(random) -> tuple[list[str], list[str]]:
    used = random.sample(VARIABLES, 4)
    function = random.choice(FUNCTIONS)
    lines = [f"def {function}({used[0]}, {used[1]}):"]
    for _ in range(random.randint(3, 6)):
        left, right = random.choice(used), random.choice(used)
        lines.append(
            random.choice(
                [
                    f"  {left} = {right} + {random.randint(1, 99)}",
                    f"  {left} = {right} * {random.choice(used)}",
                    f"  print({left})",
                    f"  if {left} > {random.randint(1, 99)}: {right} = {random.randint(0, 9)}",
                ]
            )
        )
    lines.append(f"  return {random.choice(used)}")
    return lines, used


def make(random) -> Example:
    lines, used = file_of(random)
    before = "\n".join(lines)
    if random.random() < 0.5:
        old = random.choice([name for name in used if name in before])
        new = random.choice([name for name in VARIABLES if name not in used])
        after = "\n".join(_renamed(line, old, new) for line in lines)
        return Example("edits", [(f"Rename {old} to {new}.\n{before}", after)])
    unique = [index for index, line in enumerate(lines[:-1]) if lines.count(line) == 1]
    at = random.choice(unique) + 1
    fresh = f"{random.choice(used)} = {random.randint(0, 99)}"
    after = "\n".join([*lines[:at], f"  {fresh}", *lines[at:]])
    return Example("edits", [(f"Insert {fresh} after this line: {lines[at - 1].strip()}\n{before}", after)])


def _renamed(line: str, old: str, new: str) -> str:
    return re.sub(rf"\b{old}\b", new, line)
