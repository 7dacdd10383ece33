"""Several sites in one process, each with tables of its own: what a process holds, it holds for each of them.

A namespace is a tenant of a site that gives each one a schema or a database (PROTOCOL 3). Which one a
request belongs to is the site's to say: `TOKENAUTH["NAMESPACE"]`.
"""

import contextvars
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Generic, TypeVar, cast

from tokenauth import conf

T = TypeVar("T")

#: Namespaces one process holds at most: they are tenants, never what a stranger may make up.
MOST: Final = 10_000


class TooManyNamespaces(Exception):
    """`NAMESPACE` names more tenants than a process holds: let it return only names that the site knows."""


class PerNamespace(Generic[T]):
    """One object for each namespace. Its attributes are those of the current namespace's object."""

    def __init__(self, make: Callable[[], T]) -> None:
        set_own = super().__setattr__
        set_own("_make", make)
        set_own("_made", {})
        set_own("_prepared", [])
        set_own("_making", threading.Lock())

    def here(self) -> T:
        """Return the current namespace's object, made at first need.

        Raises:
            TooManyNamespaces: There are 10,000 already.
        """
        name = "" if conf.namespace_of_request() is None else conf.namespace()
        made = self._made.get(name)
        return cast("T", made) if made is not None else self._made_for(name)

    def each(self, prepare: Callable[[T], object]) -> None:
        """Do this to every namespace's object: to those there are now, and to each one that is made later."""
        with self._making:
            self._prepared.append(prepare)
            made = list(self._made.values())
        for one in made:
            prepare(one)

    def everywhere(self) -> list[T]:
        """Return the objects of all namespaces that there are now."""
        return list(self._made.values())

    def after_fork(self) -> None:
        """Leave a lock that another thread of the parent may have held alone, and tell every object."""
        super().__setattr__("_making", threading.Lock())
        for one in self.everywhere():
            cast("Any", one).after_fork()

    def _made_for(self, name: str) -> T:
        with self._making:
            if name not in self._made:
                if len(self._made) >= MOST:
                    raise TooManyNamespaces
                one = self._make()
                for prepare in self._prepared:
                    prepare(one)
                self._made[name] = one
            return cast("T", self._made[name])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.here(), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.here(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.here(), name)

    def __len__(self) -> int:
        return len(cast("Any", self.here()))


def carried(work: Callable[..., object]) -> Callable[..., object]:
    """Return the work as a thread runs it that was started for the current namespace.

    The thread has the context variables of here and now, and is `within` the namespace where the site's
    `NAMESPACE` says how one enters it.
    """
    name, context = conf.namespace(), contextvars.copy_context()

    def inside(*args: object) -> object:
        with _within(name):
            return work(*args)

    return lambda *args: context.run(inside, *args)


def _within(name: str) -> AbstractContextManager[object]:
    enter = getattr(conf.namespace_of_request(), "within", None)
    return enter(name) if name and enter is not None else nullcontext()
