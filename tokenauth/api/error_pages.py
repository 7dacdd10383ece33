"""What Django's error pages and mails may show of a request that carried a secret."""

from functools import lru_cache
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter, get_default_exception_reporter_filter

_OURS = "tokenauth"


class ShowsNoSecret(SafeExceptionReporterFilter):
    """Hides the variables of our own frames and of all they call, with DEBUG too."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_traceback_frame_variables(self, request: Any, tb_frame: FrameType) -> Any:
        if _is_below_ours(tb_frame):
            return [(name, self.cleansed_substitute) for name in tb_frame.f_locals]
        return super().get_traceback_frame_variables(request, tb_frame)


def guard(request: HttpRequest) -> None:
    """Let no error page show what a request to one of our endpoints carries."""
    guard_token(request)
    request.sensitive_post_parameters = "__ALL__"  # type: ignore[attr-defined]


def guard_token(request: HttpRequest) -> None:
    """Let no error page show the token of a request. A filter of the site's own goes on filtering."""
    own = request.__dict__.get("exception_reporter_filter")
    if own is None:
        request.exception_reporter_filter = default()
    elif not isinstance(own, ShowsNoSecret):
        sites: type = type(own)
        request.exception_reporter_filter = _guarding(sites)


@lru_cache(maxsize=1)
def default() -> SafeExceptionReporterFilter:
    """Return the filter of requests that carry none of their own; made once, as Django makes its own."""
    sites: type = type(get_default_exception_reporter_filter())
    return _guarding(sites)


@lru_cache(maxsize=16)
def _guarding(sites: type) -> SafeExceptionReporterFilter:
    made: type[SafeExceptionReporterFilter] = type("ShowsNoSecret", (ShowsNoSecret, sites), {})
    return made()


def _is_below_ours(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == _OURS:
            return True
        frame = frame.f_back
    return False
