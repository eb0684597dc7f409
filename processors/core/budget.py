"""How many dead letters a partition can have before something must be wrong with us.

A sender's bad message is one of many; a bad deploy makes letters of everything.  Spent, the
partition stops before its topic is drained (DESIGN §5.5).
"""

from schemas import limits
from schemas.letters import Budget


def counted(budget: Budget | None, *, dead: bool) -> Budget | None:
    """The budget after one more message; None where the window holds no dead letter."""
    if budget is None:
        return Budget(seen=1, letters=(1,)) if dead else None
    seen = budget.seen + 1
    letters = (*budget.letters, seen) if dead else budget.letters
    letters = tuple(number for number in letters if number > seen - limits.BUDGET_WINDOW)
    return Budget(seen=seen, letters=letters) if letters else None


def is_spent(budget: Budget | None) -> bool:
    """Whether the partition may decide nothing more until an operator acts."""
    return budget is not None and len(budget.letters) >= limits.BUDGET_LETTERS
