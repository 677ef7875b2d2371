"""One module a task; each has `make(random)` and, where the length can be chosen, more parameters."""
from dataclasses import dataclass, field


@dataclass
class Example:
    """A conversation whose last answer can be checked."""

    task: str
    turns: list[tuple[str, str]]  # (user, assistant)
    check: str = "exact"  # exact: the answer itself; contains: every string of `wanted`
    wanted: list[str] = field(default_factory=list)
    category: str | None = None  # where a task tells several apart
