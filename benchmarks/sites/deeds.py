"""What a site can be asked to do, and doing it."""

from collections.abc import Callable
from typing import Any, Protocol


class Deed(Protocol):
    """Something that is measured."""

    def __call__(self) -> object: ...


#: Makes a deed ready to be done; its arguments come from the case that measures it.
Maker = Callable[..., Deed]


class Deeds:
    """The deeds of a site by name."""

    def __init__(self) -> None:
        self._makers: dict[str, Maker] = {}

    def __call__(self, maker: Maker) -> Maker:
        """Register a maker under its own name."""
        self.register(maker.__name__, maker)
        return maker

    def register(self, name: str, maker: Maker) -> None:
        """Register a maker."""
        self._makers[name] = maker

    def made(self, name: str, **how: Any) -> Deed:
        """Return a new deed."""
        return self._makers[name](**how)


class Consuming:
    """A deed that uses up what it is about: `ready` makes it anew and is not measured."""

    def ready(self) -> None:
        raise NotImplementedError

    def __call__(self) -> object:
        raise NotImplementedError
