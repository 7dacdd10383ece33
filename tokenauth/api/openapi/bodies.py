"""What is sent and answered. These classes describe; the endpoints read and write without them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tokenauth.api.parameters import LONGEST_VALUE

_TEXT = {"type": "string", "maxLength": LONGEST_VALUE}


@extend_schema_field({"oneOf": [_TEXT, {"type": "array", "items": _TEXT, "maxItems": 50}]})
class OneOrSeveral(serializers.Field[Any, Any, Any, Any]):
    """A string or a list of strings."""


def _needed(**more: Any) -> serializers.CharField:
    return serializers.CharField(**{"min_length": 1, "max_length": LONGEST_VALUE, **more})


def _text(help_text: str, **more: Any) -> serializers.CharField:
    return serializers.CharField(
        **{"required": False, "help_text": help_text, "max_length": LONGEST_VALUE, **more}
    )


def _scope() -> serializers.CharField:
    return _text("Space-separated; left out: all that may be granted.")


def _device_id() -> serializers.CharField:
    return _text("The `device_id` of an earlier answer, or the installation's own id.", max_length=64)


def _secret() -> serializers.CharField:
    return _text("Of a confidential client.")


class AuthError(serializers.Serializer[Any]):
    """A flat error object (RFC 6749 5.2)."""

    error = serializers.CharField(help_text="For programs.")
    error_description = serializers.CharField(help_text="For developers: English, ASCII.")
    error_uri = serializers.URLField(required=False, help_text="Where the site explains it.")
    reauthenticate = serializers.BooleanField(
        required=False, help_text="True: no retry helps, the user has to log in again."
    )


class LoginRefusal(AuthError):
    """An error, with the next step where one is needed."""

    challenge = serializers.CharField(
        required=False, help_text="With `interaction_required`: for login/continue/."
    )
    methods = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="With `interaction_required`: one to choose."
    )


class TokenPair(serializers.Serializer[Any]):
    """An access token and the refresh token for the next one (RFC 6749 5.1)."""

    access_token = serializers.CharField()
    token_type = serializers.CharField(help_text="`Bearer`.")
    expires_in = serializers.IntegerField(min_value=0, help_text="Seconds that the access token has left.")
    refresh_token = serializers.CharField()
    refresh_expires_in = serializers.IntegerField(
        min_value=0, help_text="Seconds that the refresh token has left."
    )
    scope = serializers.CharField(help_text="Space-separated.")
    session_id = serializers.UUIDField()
    device_id = serializers.UUIDField()


class LoginDevice(serializers.Serializer[Any]):
    """The installation that logs in."""

    id = _device_id()
    name = _text("As its user will see it: 100 characters.")
    platform = _text("50 characters.")


class Credentials(serializers.Serializer[Any]):
    username = _needed()
    password = _needed()
    client_id = _needed()
    client_secret = _secret()


class LoginRequest(Credentials):
    """Who logs in, by which client, on what."""

    scope = _scope()
    audience = OneOrSeveral(required=False)
    device = LoginDevice(required=False)


class LoginForm(Credentials):
    """The same as a form."""

    scope = _scope()
    audience = _text("One audience.")
    device_id = _device_id()
    device_name = _text("As its user will see it: 100 characters.")
    device_platform = _text("50 characters.")


class LoginContinuation(serializers.Serializer[Any]):
    """The second step of a login."""

    challenge = _needed()
    method = _needed()
    response = _needed()
    client_id = _needed()
    client_secret = _secret()


class Refresh(serializers.Serializer[Any]):
    refresh_token = _needed()
    client_id = _needed()
    client_secret = _secret()
    grant_type = _text("`refresh_token`, or left out.")
    device_id = _device_id()
    scope = _scope()


class RefreshForm(Refresh):
    """A refresh as a form."""

    audience = _text("One of those granted.")


class RefreshRequest(Refresh):
    """A refresh."""

    audience = OneOrSeveral(required=False)


class ClientForm(serializers.Serializer[Any]):
    client_id = _text("Where the client does not use HTTP Basic.")
    client_secret = _text("Where a confidential client does not use HTTP Basic.")


class TokenRequest(ClientForm):
    """A refresh in the words of RFC 6749 6."""

    grant_type = serializers.RegexField(r"^refresh_token$", help_text="`refresh_token`.")
    refresh_token = _needed()
    scope = _scope()
    resource = serializers.ListField(
        child=_needed(), required=False, max_length=50, help_text="RFC 8707; may come more than once."
    )
    device_id = _device_id()


class TokenToJudge(ClientForm):
    """A token in the words of RFC 7009 and RFC 7662."""

    token = _needed()
    token_type_hint = _text("Not needed, and not relied upon.")


class Introspection(serializers.Serializer[Any]):
    """What this resource server may know of a token; `active` alone where it is not."""

    active = serializers.BooleanField()
    iss = serializers.CharField(required=False)
    sub = serializers.CharField(required=False)
    aud = OneOrSeveral(required=False)
    client_id = serializers.CharField(required=False)
    iat = serializers.IntegerField(required=False)
    exp = serializers.IntegerField(required=False)
    jti = serializers.CharField(required=False)
    sid = serializers.UUIDField(required=False)
    scope = serializers.CharField(required=False)
    auth_time = serializers.IntegerField(required=False)
    acr = serializers.CharField(required=False)
    amr = serializers.ListField(child=serializers.CharField(), required=False)
    act = serializers.DictField(required=False, help_text="Who acts in the user's name (RFC 8693 4.1).")
    cnf = serializers.DictField(required=False, help_text="The key that the token is bound to (RFC 7800).")
    token_type = serializers.CharField(required=False)


class TokenRules(serializers.Serializer[Any]):
    """What a resource server holds tokens to."""

    issuer = serializers.URLField()
    audiences = serializers.ListField(child=serializers.CharField(), help_text="A token names one of them.")
    scopes = serializers.ListField(child=serializers.CharField(), help_text="A token carries all of them.")
    acr = serializers.ListField(
        child=serializers.CharField(),
        help_text="A token names one of them as its class of login; empty: any.",
    )
    algorithms = serializers.ListField(child=serializers.CharField())
    jwks_uri = serializers.URLField()
    leeway = serializers.IntegerField(help_text="Seconds by which another clock is forgiven.")
    mode = serializers.ChoiceField(["strict", "available"])
    available_seconds = serializers.FloatField(help_text="Beyond the bound, where the mode is `available`.")
    bound = serializers.FloatField(help_text="Seconds after which a revoked token is refused.")


class ToldOrder(serializers.Serializer[Any]):
    """One revocation."""

    kind = serializers.IntegerField(
        help_text="1 everything, 2 everything before, 3 client, 4 device, 5 user, "
        "6 session, 7 token, 8 key, 9 generation of a session."
    )
    digest = serializers.CharField(help_text="Of the subject, by this server's own key.")
    floor = serializers.IntegerField(help_text="What a token carries at least that is alive.")
    until = serializers.IntegerField(allow_null=True, help_text="Unix seconds; null: told again with an end.")


class Revocations(serializers.Serializer[Any]):
    """What came after the cursor."""

    cursor = serializers.CharField(help_text="For the next question; opaque.")
    reset = serializers.BooleanField(help_text="The cursor led nowhere: these are all that are in force.")
    more = serializers.BooleanField(help_text="Ask again at once; only then the reader is up to date.")
    orders = ToldOrder(many=True)
    key = serializers.CharField(required=False, help_text="Of the digests; with a reset.")
    held = serializers.FloatField(
        help_text="Seconds between the question and the last look into the database."
    )
    rules_hash = serializers.CharField()
    rules = TokenRules(required=False, help_text="Where `rules` named others or none.")


class PublicKey(serializers.Serializer[Any]):
    """A JWK (RFC 7517, RFC 7518 6)."""

    kty = serializers.CharField()
    use = serializers.CharField()
    alg = serializers.CharField()
    kid = serializers.CharField()
    crv = serializers.CharField(required=False)
    x = serializers.CharField(required=False)
    y = serializers.CharField(required=False)
    n = serializers.CharField(required=False)
    e = serializers.CharField(required=False)


class KeySet(serializers.Serializer[Any]):
    """Every key whose tokens are still alive."""

    keys = PublicKey(many=True)


class ServerMetadata(serializers.Serializer[Any]):
    """RFC 8414 2."""

    issuer = serializers.URLField()
    token_endpoint = serializers.URLField()
    revocation_endpoint = serializers.URLField()
    introspection_endpoint = serializers.URLField()
    jwks_uri = serializers.URLField()
    grant_types_supported = serializers.ListField(child=serializers.CharField())
    token_endpoint_auth_methods_supported = serializers.ListField(child=serializers.CharField())
    revocation_endpoint_auth_methods_supported = serializers.ListField(child=serializers.CharField())
    introspection_endpoint_auth_methods_supported = serializers.ListField(child=serializers.CharField())
    introspection_signing_alg_values_supported = serializers.ListField(child=serializers.CharField())
    revocations_endpoint = serializers.URLField()
    revocations_endpoint_auth_methods_supported = serializers.ListField(child=serializers.CharField())


class ClientName(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()


class DeviceName(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    platform = serializers.CharField()


class UserSession(serializers.Serializer[Any]):
    """A login that is still alive."""

    id = serializers.UUIDField()
    current = serializers.BooleanField(help_text="The one that asks.")
    client = ClientName()
    device = DeviceName()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(help_text="Rounded down to 15 minutes.")
    expires_at = serializers.DateTimeField(help_text="Unless it is used before.")
    scope = serializers.CharField()
    impersonated = serializers.BooleanField(help_text="Somebody of the site's acts in the user's name.")


class UserDevice(DeviceName):
    """An installation on which the user logged in."""

    client = ClientName()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(help_text="Rounded down to 15 minutes.")
    current = serializers.BooleanField(help_text="The one that asks.")
    lost = serializers.BooleanField(help_text="Written off for good.")


class UserSessionPage(serializers.Serializer[Any]):
    """Newest first, fifty at most."""

    results = UserSession(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page, null on the last.")


class UserDevicePage(serializers.Serializer[Any]):
    """Newest first, fifty at most."""

    results = UserDevice(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page, null on the last.")


class Confirmation(serializers.Serializer[Any]):
    """May be left out as a whole."""

    password = _text("The user's, where his login is not recent.")


class DeviceLoss(Confirmation):
    """May be left out as a whole."""

    reason = serializers.RegexField(r"^lost$", required=False, help_text="`lost`, the one there is.")


class DeviceRename(serializers.Serializer[Any]):
    """The one thing that a PATCH changes."""

    name = _needed(help_text="100 characters are kept.")

    @property
    def partial(self) -> bool:
        """Never: drf-spectacular would let a PATCH leave the name out."""
        return False

    @partial.setter
    def partial(self, value: bool) -> None: ...


class EndedSessions(serializers.Serializer[Any]):
    ended = serializers.IntegerField(min_value=0, help_text="Sessions that were alive until now.")


class MirrorState(serializers.Serializer[Any]):
    age = serializers.FloatField(allow_null=True, help_text="Seconds since it was known to be up to date.")
    number = serializers.IntegerField(help_text="Of the last order it has applied.")


class AppliedState(serializers.Serializer[Any]):
    """How many processes refuse by now what was revoked."""

    by = serializers.IntegerField(min_value=0)
    of = serializers.IntegerField(min_value=0)
    seconds = serializers.FloatField(min_value=0, help_text="How long was waited.")


class HandedBack(serializers.Serializer[Any]):
    """Empty, unless a client with a secret waited."""

    applied = AppliedState(required=False)


class ProcessCount(serializers.Serializer[Any]):
    """The processes that have a mirror."""

    seen = serializers.IntegerField(min_value=0, help_text="Heard of within a minute.")
    fresh = serializers.IntegerField(min_value=0, help_text="Of these, with a fresh mirror.")


class Readiness(serializers.Serializer[Any]):
    """Whether this process may serve; more for who may see the revocation plane in the admin."""

    ready = serializers.BooleanField()
    mirror = MirrorState(required=False)
    processes = ProcessCount(required=False)
    overdue = serializers.ListField(child=serializers.CharField(), required=False)
