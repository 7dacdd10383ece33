"""How an account looks, in one digest: what tells a change where no trigger sees it (PROTOCOL 2).

Keyed by a stored key of ours, so that neither a new SECRET_KEY nor an unusable password for another
looks like a change, and whoever reads the table learns nothing of a password hash.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import AbstractBaseUser
from django.db import models

from tokenauth.models import users
from tokenauth.models.key import KeyPurpose
from tokenauth.tokens.encoding import to_json
from tokenauth.tokens.keyring import KEYRING


def of(user: AbstractBaseUser) -> bytes:
    """Return what a user as loaded looks like. 32 bytes."""
    return of_values(users.key_of(user), _values(user))


def of_values(user_key: str, values: Mapping[str, Any]) -> bytes:
    """Return what a user looks like by the values of his credential fields. 32 bytes."""
    return KEYRING.active(KeyPurpose.PRIVACY).mac(_spelled(user_key, values))


def is_of(stored: bytes, user: AbstractBaseUser) -> bool:
    """Whether the user still looks as he did, under whichever key that was kept."""
    spelled = _spelled(users.key_of(user), _values(user))
    return any(hmac.compare_digest(stored, key.mac(spelled)) for key in KEYRING.all(KeyPurpose.PRIVACY))


def _values(user: AbstractBaseUser) -> dict[str, Any]:
    return {name: getattr(user, name) for name in users.credential_fields()}


def _spelled(user_key: str, values: Mapping[str, Any]) -> bytes:
    fields = {name: _text(name, values[name]) for name in sorted(values)}
    return to_json({"account": 1, "key": user_key, "fields": fields})


def _text(name: str, value: Any) -> str:
    if name == "password":
        return value if is_password_usable(value) else "!"
    field = get_user_model()._meta.get_field(name)
    assert isinstance(field, models.Field)  # noqa: S101 - for the type checker
    return repr(field.get_prep_value(value))
