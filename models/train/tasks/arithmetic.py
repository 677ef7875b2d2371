"""Sums and differences of numbers of up to three digits, with worked steps from the last digit to the first."""
from tasks import Example


def add(a: int, b: int) -> str:
    steps, carry, place = [], 0, 0
    digits = max(len(str(a)), len(str(b)))
    for place in range(digits):
        x, y = a // 10**place % 10, b // 10**place % 10
        total = x + y + carry
        steps.append(f"{x} + {y} + {carry} = {total}, write {total % 10} carry {total // 10}.")
        carry = total // 10
    return "\n".join([*steps, f"Answer: {a + b}"])


def subtract(a: int, b: int) -> str:
    steps, borrow = [], 0
    for place in range(len(str(a))):
        x, y = a // 10**place % 10, b // 10**place % 10
        difference = x - y - borrow
        lent = int(difference < 0)
        steps.append(f"{x} - {y} - {borrow} = {difference}, write {difference + 10 * lent} borrow {lent}.")
        borrow = lent
    return "\n".join([*steps, f"Answer: {a - b}"])


def make(random) -> Example:
    a, b = (random.randint(10, 999 if random.random() < 0.6 else 99) for _ in range(2))
    if random.random() < 0.6:
        question, answer = f"What is {a} + {b}?", add(a, b)
    else:
        a, b = max(a, b), min(a, b)
        question, answer = f"What is {a} - {b}?", subtract(a, b)
    return Example("arithmetic", [(question, answer)])
