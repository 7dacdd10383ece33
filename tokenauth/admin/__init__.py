"""The Django admin of tokenauth: see what is stored, revoke at every level with a reason."""

from tokenauth.admin.clients import ClientAdmin, ClientSecretAdmin
from tokenauth.admin.devices import DeviceAdmin
from tokenauth.admin.families import TokenFamilyAdmin
from tokenauth.admin.keys import KeyRecordAdmin
from tokenauth.admin.plane import (
    AccountStateAdmin,
    CatalogueAdmin,
    MirrorProcessAdmin,
    PlaneAdmin,
    RevocationOrderAdmin,
    SiteAdmin,
    TaskRunAdmin,
)
from tokenauth.admin.trail import EventDetailAdmin, TokenEventAdmin
from tokenauth.admin.user_sessions import UserSessionsMixin

__all__ = [
    "AccountStateAdmin",
    "CatalogueAdmin",
    "ClientAdmin",
    "ClientSecretAdmin",
    "DeviceAdmin",
    "EventDetailAdmin",
    "KeyRecordAdmin",
    "MirrorProcessAdmin",
    "PlaneAdmin",
    "RevocationOrderAdmin",
    "SiteAdmin",
    "TaskRunAdmin",
    "TokenEventAdmin",
    "TokenFamilyAdmin",
    "UserSessionsMixin",
]
