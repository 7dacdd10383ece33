"""The user of a token: known by his key, loaded when something else of him is read."""

from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.utils.functional import SimpleLazyObject

from tokenauth.api.errors import InvalidToken
from tokenauth.models import users


class TokenUser(SimpleLazyObject):  # type: ignore[type-arg]
    """`request.user`: no query until something beyond his primary key is read, then one."""

    def __init__(self, user_key: str) -> None:
        super().__init__(partial(_loaded, user_key))
        self.__dict__["_user_key"] = user_key

    @property
    def pk(self) -> Any:
        return users.pk_of(self.__dict__["_user_key"])

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def is_anonymous(self) -> bool:
        return False

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # so that `isinstance(request.user, User)` loads nothing
        return get_user_model()

    def __bool__(self) -> bool:
        return True


def _loaded(user_key: str) -> AbstractBaseUser:
    user = users.stored(user_key)
    if user is None:  # his order is on its way to this process
        raise InvalidToken
    return user
