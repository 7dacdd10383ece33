"""Text that must not be shown: passwords, secrets and tokens on their way through the code."""


class Hidden(str):
    """A string like any other, but for its repr: error pages and error collectors show frames by repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<hidden>"
