"""Validating access tokens in a service elsewhere: without the app, without a database.

    verifier = Verifier(issuer="https://shop.example", client_id="orders-api", client_secret="tks_...")
    outcome = verifier.verify(token)

`tokenauth.resource.asgi`, `.django` and `.drf` fit it into frameworks. Extra: `drf-tokenauth[resource]`.
"""

from tokenauth.errors import Cause, Refused
from tokenauth.resource.outcome import Accepted
from tokenauth.resource.settings import Settings
from tokenauth.resource.verifier import Verifier

__all__ = ["Accepted", "Cause", "Refused", "Settings", "Verifier"]
