"""The user of a token: known by his key, loaded when something else of him is read."""

from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils.functional import SimpleLazyObject, empty

from tokenauth.api.errors import InvalidToken
from tokenauth.models import users


class TokenUser(SimpleLazyObject):  # type: ignore[type-arg]
    """`request.user`: no query until something beyond his primary key is read, then one."""

    def __init__(self, user_key: str, request: Any = None) -> None:
        # what Django's own __init__ does, without its look-ups: one is made for every request
        held = object.__getattribute__(self, "__dict__")
        held["_setupfunc"] = partial(_loaded, user_key, request)
        held["_wrapped"] = empty
        held["_user_key"] = user_key

    @property
    def pk(self) -> Any:
        return users.pk_of(self.__dict__["_user_key"])

    @property
    def is_authenticated(self) -> bool:
        return not isinstance(self.__dict__["_wrapped"], AnonymousUser)

    @property
    def is_anonymous(self) -> bool:
        return not self.is_authenticated

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # so that `isinstance(request.user, User)` loads nothing
        return get_user_model()

    def __bool__(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        # `user.id` is `user.pk` by the name that the model gives it
        if self.__dict__.get("_wrapped", empty) is empty and name == _key_name():
            return self.pk
        return super().__getattr__(name)


async def aloaded(user: TokenUser) -> TokenUser:
    """Load a user off the event loop and return him: what `await request.auser()` does."""
    await sync_to_async(_load)(user)
    return user


def _load(user: TokenUser) -> None:
    if user.__dict__["_wrapped"] is empty:
        user._setup()


def _key_name() -> str:
    key = get_user_model()._meta.pk
    return "pk" if key is None else key.attname


def _loaded(user_key: str, request: Any) -> AbstractBaseUser | AnonymousUser:
    user = users.stored(user_key)
    if user is None:  # his order is on its way to this process
        if _is_answered(request):
            return AnonymousUser()  # a template or a middleware asks: there is no view left to refuse
        raise InvalidToken
    return user


def _is_answered(request: Any) -> bool:
    # DRF keeps the response on the view, from when nothing it raises becomes an answer any more
    view = (getattr(request, "parser_context", None) or {}).get("view")
    return getattr(view, "response", None) is not None
