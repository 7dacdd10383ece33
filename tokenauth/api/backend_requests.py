"""The request as authentication backends, hooks and receivers of a login's signals are given it."""

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict

#: Of a login's form: what an app that keeps failed logins must not write down.
SECRETS = ("password", "client_secret", "challenge", "response")


def for_backends(request: HttpRequest) -> HttpRequest:
    """Return a twin of a request: the same session, user and headers, and no secret among its POST.

    A mark that an app leaves on it reaches no middleware: django-axes, for one, would have an answer of
    ours replaced by a page that tells a stranger which account is locked.
    """
    twin: HttpRequest = object.__new__(type(request))
    # not `copy.copy`: Django leaves out what cannot be pickled
    twin.__dict__.update(request.__dict__)
    twin.__dict__["_post"] = _without_secrets(request)
    return twin


def _without_secrets(request: HttpRequest) -> QueryDict:
    try:
        sent = request.POST.copy()
    except SuspiciousOperation:  # more fields than the site takes
        return QueryDict(encoding="utf-8")
    for name in SECRETS:
        sent.pop(name, None)
    sent._mutable = False
    return sent
