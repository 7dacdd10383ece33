"""Step-up at login: what the first step proved travels sealed to the second (PROTOCOL 5)."""

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.contrib.auth.models import AbstractBaseUser
from django.utils.module_loading import import_string

from tokenauth import conf
from tokenauth.flows.asked import DeviceAsked, LoginAsked
from tokenauth.flows.moment import Moment
from tokenauth.flows.seen import Seen, SeenDevice
from tokenauth.models import users
from tokenauth.models.key import KeyPurpose
from tokenauth.policy.clients import KnownClient
from tokenauth.tokens.encoding import from_base64url, from_json_object, to_base64url, to_json
from tokenauth.tokens.keyring import KEYRING
from tokenauth.tokens.keys import SymmetricKey

PREFIX = "tkc_"
#: Seconds between the two steps.
LIFETIME = 300
_VERSION = b"challenge 2"
_NONCE = 12


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a site's LOGIN_CHALLENGE asks for beyond the password."""

    #: Ways to answer that the user has, in the site's own words ("totp", "webauthn").
    methods: tuple[str, ...]
    #: What the session may call itself once one of them was used.
    acr: str = ""


@dataclass(frozen=True, slots=True)
class Challenged:
    """The password was right and is not enough."""

    challenge: str = field(repr=False)
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStep:
    """What the first step proved and saw."""

    #: The name that was sent: failures of both steps count as one.
    account: str = field(repr=False)
    #: Public id of the device whose failures are counted apart.
    known_device: str | None
    user_key: str
    backend: str
    #: Digest of the password hash that was checked: a change in between ends the challenge.
    credential: str
    client_id: str
    seen: Seen
    device: DeviceAsked
    scope: str | None
    audience: tuple[str, ...]
    key_was_sent: bool
    methods: tuple[str, ...]
    acr: str
    nonce: str
    expires: int


def asked_for(
    user: AbstractBaseUser, *, account: str, asked: LoginAsked, seen: Seen, backend: str, request: Any
) -> Challenged | None:
    """Ask the site whether the password is enough for this login; None where it is."""
    ask = _hook(conf.current().LOGIN_CHALLENGE)
    if ask is None:
        return None
    challenge: Challenge | None = ask(user, asked.client, asked.device, request)
    if challenge is None:
        return None
    step = FirstStep(
        account=account,
        known_device=str(seen.device.pk) if seen.device is not None else None,
        user_key=users.key_of(user),
        backend=backend,
        credential=credential_of(user),
        client_id=asked.client.client_id,
        seen=seen,
        device=asked.device,
        scope=asked.scope,
        audience=asked.audience,
        key_was_sent=asked.key_was_sent,
        methods=challenge.methods,
        acr=challenge.acr,
        nonce=to_base64url(os.urandom(16)),
        expires=Moment().second + LIFETIME,
    )
    return Challenged(_sealed(step), challenge.methods)


def verified(user: AbstractBaseUser, *, method: str, response: str, request: Any) -> bool:
    """Ask the site's LOGIN_VERIFY; without one nothing verifies."""
    verify = _hook(conf.current().LOGIN_VERIFY)
    return verify is not None and verify(user, method, response, request) is True


def opened(challenge: str, *, client: KnownClient) -> FirstStep | None:
    """Return what a challenge holds, if it is ours, this client's, and in time."""
    for key in KEYRING.all(KeyPurpose.REFRESH):
        step = _unsealed(challenge, key)
        if step is not None:
            in_time = Moment().second < step.expires
            return step if in_time and step.client_id == client.client_id else None
    return None


def credential_of(user: AbstractBaseUser) -> str:
    """Return a keyed digest of the user's password hash."""
    message = b"credential 1|" + user.password.encode()
    return to_base64url(KEYRING.active(KeyPurpose.PRIVACY).mac(message))


def credential_is(user: AbstractBaseUser, credential: str) -> bool:
    """Whether the password hash is still the one of the first step."""
    return hmac.compare_digest(credential_of(user), credential)


def _hook(named: str | Callable[..., Any] | None) -> Callable[..., Any] | None:
    hook: Callable[..., Any] | None = import_string(named) if isinstance(named, str) else named
    return hook


def _cipher(key: SymmetricKey) -> AESGCM:
    return AESGCM(key.mac(_VERSION))


def _sealed(step: FirstStep) -> str:
    nonce = os.urandom(_NONCE)
    sealed = _cipher(KEYRING.active(KeyPurpose.REFRESH)).encrypt(nonce, to_json(_members(step)), _VERSION)
    return PREFIX + to_base64url(nonce + sealed)


def _unsealed(challenge: str, key: SymmetricKey) -> FirstStep | None:
    if not challenge.startswith(PREFIX) or not challenge.isascii():
        return None
    try:
        raw = from_base64url(challenge.removeprefix(PREFIX).encode("ascii"))
        return _step(from_json_object(_cipher(key).decrypt(raw[:_NONCE], raw[_NONCE:], _VERSION)))
    except (ValueError, InvalidTag):
        return None


def _members(step: FirstStep) -> dict[str, Any]:
    seen, device = step.seen, step.device
    devices = {str(pk): epoch for pk, epoch in seen.devices_of(step.user_key).items()}
    return {
        "account": step.account,
        "known": step.known_device,
        "user": step.user_key,
        "backend": step.backend,
        "credential": step.credential,
        "client": step.client_id,
        "seen": [seen.site, seen.client, seen.user_key, seen.account, devices],
        "device": [device.id, device.name, device.platform],
        "scope": step.scope,
        "audience": list(step.audience),
        "key": step.key_was_sent,
        "methods": list(step.methods),
        "acr": step.acr,
        "nonce": step.nonce,
        "exp": step.expires,
    }


def _step(members: dict[str, Any]) -> FirstStep:
    site, client, named, account, devices = members["seen"]
    known = tuple(SeenDevice(UUID(pk), epoch, members["user"]) for pk, epoch in devices.items())
    device_id, name, platform = members["device"]
    return FirstStep(
        account=members["account"],
        known_device=members["known"],
        user_key=members["user"],
        backend=members["backend"],
        credential=members["credential"],
        client_id=members["client"],
        seen=Seen(site, client, named, account, known),
        device=DeviceAsked(id=device_id, name=name, platform=platform),
        scope=members["scope"],
        audience=tuple(members["audience"]),
        key_was_sent=members["key"],
        methods=tuple(members["methods"]),
        acr=members["acr"],
        nonce=members["nonce"],
        expires=members["exp"],
    )
