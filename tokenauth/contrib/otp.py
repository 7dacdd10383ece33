"""A second step at login by the user's django-otp devices."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import router, transaction
from django_otp import devices_for_user
from django_otp.models import Device

from tokenauth.flows import Challenge


def challenge(user: AbstractBaseUser, client: Any, device: Any, request: Any) -> Challenge | None:
    """Ask for a code where the user has a confirmed device: what `LOGIN_CHALLENGE` names.

    The methods are the kinds of his devices, called as their plugins are ("otp_totp", "otp_static").

    Side effects: where he only has devices to which codes are sent, one is sent to each.
    """
    devices = list(devices_for_user(user))
    at_hand = [each for each in devices if not each.is_interactive()]
    for each in devices if not at_hand else ():
        each.generate_challenge()
    kinds = {_kind_of(each) for each in at_hand or devices}
    return Challenge(tuple(sorted(kinds))) if kinds else None


def verify(user: AbstractBaseUser, method: str, response: str, request: Any) -> bool:
    """Check a code against the user's devices of one kind: what `LOGIN_VERIFY` names.

    Side effects: the devices' own throttling counts what is wrong; a right code is used up.
    """
    # of one kind: a wrong code then delays none of the others
    kinds = {type(each) for each in devices_for_user(user) if _kind_of(each) == method}
    return any(_is_right(kind, user, response) for kind in kinds)


def _is_right(kind: type[Device], user: AbstractBaseUser, response: str) -> bool:
    # in one transaction with the row locked: of two at once with one code the second finds it used
    with transaction.atomic(using=router.db_for_write(kind)):
        own = kind.objects.devices_for_user(user, confirmed=True).select_for_update().order_by("pk")
        return any(each.verify_token(response) for each in own)


def _kind_of(device: Device) -> str:
    return str(device._meta.app_label)
