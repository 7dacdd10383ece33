"""Where a reader of the feed stands. Opaque to it; an unreadable one makes it start anew."""

import re
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from tokenauth.revocation.mirror import Answer

_FORM = re.compile(
    r"1\.(?P<plane>[0-9a-f]{32})\.(?P<number>[0-9]{1,18})\.(?P<order>[0-9]{1,18}|-)\.(?P<kid>[\w-]{1,64})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last numbered order that a reader was told of, and in which history."""

    plane_id: UUID
    number: int
    #: Id of the order that carries `number`; None where there was none.
    order_id: int | None
    #: Id of the plane key that its digests were made with.
    kid: str

    def __str__(self) -> str:
        order = "-" if self.order_id is None else self.order_id
        return f"1.{self.plane_id.hex}.{self.number}.{order}.{self.kid}"

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """Return the cursor that a text says; None where it says none of this release."""
        found = _FORM.fullmatch(text or "")
        if found is None:
            return None
        order = None if found["order"] == "-" else int(found["order"])
        return cls(UUID(found["plane"]), int(found["number"]), order, found["kid"])

    def is_continued_by(self, answer: Answer, *, kid: str) -> bool:
        """Whether what the database says follows on what this reader was told.

        Args:
            answer: To the question for what lies above this cursor's number.
            kid: Of the plane key in use.
        """
        return (
            self.kid == kid
            and self.plane_id == answer.plane_id
            and self.number <= answer.n
            and (self.order_id is None or self.order_id == answer.own_order)
        )
