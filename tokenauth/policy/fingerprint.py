"""Which rules a process goes by, in one digest: two that differ decide differently."""

import hashlib

from tokenauth import conf
from tokenauth.policy import builtin
from tokenauth.tokens.encoding import to_json

#: Settings beside the policies by which a token lives or dies.
_SETTINGS = ("DEFAULT_POLICY", "STALENESS_BOUND", "MODE", "AVAILABLE_SECONDS", "LEEWAY", "ISSUER")


@conf.until_settings_change
def of_rules() -> str:
    """Return the digest of the policies in force and of those settings. 16 characters.

    Raises:
        UnknownPolicy, ImproperlyConfigured: As `builtin.named`.
    """
    settings = conf.current().model_dump(include=set(_SETTINGS))
    policies = {name: builtin.named(name).model_dump() for name in builtin.all_names()}
    return hashlib.sha256(to_json({"policies": policies, "settings": settings})).hexdigest()[:16]
