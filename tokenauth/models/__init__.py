"""What is stored. One row a family, nothing in it that could be presented."""

from tokenauth.models.account import AccountState, Site
from tokenauth.models.catalogue import Catalogue
from tokenauth.models.client import Client, ClientSecret
from tokenauth.models.device import Device
from tokenauth.models.event import EventDetail, TokenEvent
from tokenauth.models.family import TokenFamily
from tokenauth.models.key import KeyRecord
from tokenauth.models.order import Plane, RevocationOrder
from tokenauth.models.process import MirrorProcess
from tokenauth.models.task import TaskRun
from tokenauth.models.upgrade import PasswordUpgrade

__all__ = [
    "AccountState",
    "Catalogue",
    "Client",
    "ClientSecret",
    "Device",
    "EventDetail",
    "KeyRecord",
    "MirrorProcess",
    "PasswordUpgrade",
    "Plane",
    "RevocationOrder",
    "Site",
    "TaskRun",
    "TokenEvent",
    "TokenFamily",
]
