"""What one game is played with: the policy, the habits of the owner, the means of the thief."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, Protocol

from tests.guarantees.rotation_model.row import Row, written
from tokenauth.policy.builtin import Policy
from tokenauth.policy.decisions import Position, Presented, Verdict, on_refresh


class Decide(Protocol):
    """The decision under test: `on_refresh`, or one that is wrong on purpose."""

    def __call__(
        self, position: Position, presented: Presented, policy: Policy, *, at: datetime
    ) -> Verdict: ...


Write = Callable[[Row, Verdict, "str | None"], Row]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """One game. Ages are whole ticks; all that is older than the window is one age."""

    #: W in ticks, and S.
    window: int = 2
    overlaps: int = 3
    exact: bool = False
    #: Whether the owner sends an Idempotency-Key. In an exact family he always does, to keep his side.
    keys: Literal["never", "sometimes", "always"] = "never"
    #: How often a thief copies something of the owner's: what the store holds, or an answer on its way.
    thefts: Literal["none", "one", "any number"] = "none"
    #: Whether he finds the key there that the owner is about to send.
    steals_key: bool = False
    #: Whether a parent is only presented when the window has passed.
    only_outside: bool = False
    #: Whether the server makes generations itself (step-up).
    step_ups: bool = False
    #: Generations by which a failover may set the database back; 0: it never goes back.
    lag: int = 0
    #: Whether the servers' clocks disagree: what was outside the window is inside it for the next one.
    skewed_clocks: bool = False
    #: Answers one parent may get (255 in production).
    most_branches: int = 3
    #: Whether a request may arrive after the answer to it was saved AND used.
    very_late_requests: bool = False
    decide: Decide = on_refresh
    write: Write = written

    @property
    def owner_keys(self) -> tuple[str | None, ...]:
        return {"never": (None,), "sometimes": (None, "owner"), "always": ("owner",)}[self.keys]

    @property
    def thief_keys(self) -> tuple[str | None, ...]:
        return (None,) if self.keys == "never" and not self.exact else (None, "thief", "other")

    @cached_property
    def window_decides(self) -> bool:
        """Whether there are generations whose second holder is not found at his first presentation."""
        return not self.exact or self.step_ups

    @cached_property
    def longest_run(self) -> int:
        """Generations that may be answered to one holder, from the theft on, until the other has lost."""
        overlaps = 0 if self.only_outside or not self.window_decides else self.overlaps
        return overlaps + 2 + self.head_start

    @cached_property
    def most_shared(self) -> int:
        """Generations that may be answered to both holders."""
        if not self.window_decides:
            return self.head_start
        return self.longest_run - 1

    @property
    def head_start(self) -> int:
        """Generations that a thief shares without an overlap: by the owner's key, or by an earlier theft."""
        earlier = self.thefts == "any number" and (self.window_decides or self.steals_key)
        return int(self.steals_key) + int(earlier)
