"""The family's row as PROTOCOL 1 writes it."""

from typing import NamedTuple

from tokenauth.policy.decisions import Advance, Branch, Repeat, Verdict

Token = tuple[int, int]


class Row(NamedTuple):
    """The position, with the time since `rotated_at` for `rotated_at`. `attempt` is the name of a key."""

    generation: int = 0
    branches: int = 1
    won: int | None = None
    age: int = 0
    attempt: str | None = None
    overlap_run: int = 0
    overlapped: bool = False

    @property
    def newest(self) -> Token:
        return self.generation, self.branches - 1

    @property
    def parent(self) -> Token:
        return self.generation - 1, -1 if self.won is None else self.won

    def may_still_count(self, token: Token) -> bool:
        """Whether the token is one of the newest generation, their parent, or newer than this row."""
        return token[0] >= self.generation or token == self.parent


def written(row: Row, verdict: Verdict, attempt: str | None) -> Row:
    """The row after a verdict that does not end the family."""
    match verdict:
        case Advance(generation=generation, won=won):
            run = row.overlap_run + 1 if row.overlapped else 0
            return Row(generation, 1, won, 0, attempt, run, False)
        case Repeat(marks_overlap=True):
            return row._replace(overlapped=True)
        case Branch(branch=branch, marks_overlap=marks):
            return row._replace(
                branches=branch + 1, age=0, attempt=attempt, overlapped=row.overlapped or marks
            )
    return row


def answered(row: Row, verdict: Verdict) -> Token | None:
    """The refresh token that is handed out; `row` is the one before the verdict was written."""
    match verdict:
        case Advance(generation=generation):
            return generation, 0
        case Repeat():
            return row.newest
        case Branch(branch=branch):
            return row.generation, branch
    return None
