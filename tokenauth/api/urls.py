"""The endpoints: `path("auth/", include("tokenauth.api.urls"))`. Alike with and without trailing slash."""

from django.urls import re_path

from tokenauth.api.views.devices import DevicesView, DeviceView, RevokeDeviceView
from tokenauth.api.views.health import HealthView
from tokenauth.api.views.introspect import IntrospectView
from tokenauth.api.views.login import ContinueLoginView, LoginView
from tokenauth.api.views.public import JwksView
from tokenauth.api.views.revocations import RevocationsView
from tokenauth.api.views.revoke import RevokeView
from tokenauth.api.views.sessions import RevokeAllView, RevokeOthersView, SessionsView, SessionView
from tokenauth.api.views.token import RefreshView, TokenView

app_name = "tokenauth"

urlpatterns = [
    re_path(r"^login/?\Z", LoginView.as_view(), name="login"),
    re_path(r"^login/continue/?\Z", ContinueLoginView.as_view(), name="login-continue"),
    re_path(r"^token/?\Z", TokenView.as_view(), name="token"),
    re_path(r"^token/refresh/?\Z", RefreshView.as_view(), name="refresh"),
    re_path(r"^token/revoke/?\Z", RevokeView.as_view(), name="revoke"),
    re_path(r"^token/introspect/?\Z", IntrospectView.as_view(), name="introspect"),
    re_path(r"^revocations/?\Z", RevocationsView.as_view(), name="revocations"),
    re_path(r"^health/?\Z", HealthView.as_view(), name="health"),
    re_path(r"^jwks/?\Z", JwksView.as_view(), name="jwks"),
    re_path(r"^sessions/?\Z", SessionsView.as_view(), name="sessions"),
    re_path(r"^sessions/revoke-others/?\Z", RevokeOthersView.as_view(), name="revoke-others"),
    re_path(r"^sessions/revoke-all/?\Z", RevokeAllView.as_view(), name="revoke-all"),
    re_path(r"^sessions/(?P<session_id>[^/]+)/?\Z", SessionView.as_view(), name="session"),
    re_path(r"^devices/?\Z", DevicesView.as_view(), name="devices"),
    re_path(r"^devices/(?P<device_id>[^/]+)/?\Z", DeviceView.as_view(), name="device"),
    re_path(r"^devices/(?P<device_id>[^/]+)/revoke/?\Z", RevokeDeviceView.as_view(), name="revoke-device"),
]
