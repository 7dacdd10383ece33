"""The endpoints: `path("auth/", include("tokenauth.api.urls"))`. Alike with and without trailing slash."""

from django.urls import re_path

from tokenauth.api.views.devices import DevicesView, DeviceView, RevokeDeviceView
from tokenauth.api.views.health import HealthView
from tokenauth.api.views.introspect import IntrospectView
from tokenauth.api.views.login import ContinueLoginView, LoginView
from tokenauth.api.views.public import JwksView
from tokenauth.api.views.revoke import RevokeView
from tokenauth.api.views.sessions import RevokeAllView, RevokeOthersView, SessionsView, SessionView
from tokenauth.api.views.token import RefreshView, TokenView

app_name = "tokenauth"

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

urlpatterns = [
    re_path(r"^login/?$", LoginView.as_view(), name="login"),
    re_path(r"^login/continue/?$", ContinueLoginView.as_view(), name="login-continue"),
    re_path(r"^token/?$", TokenView.as_view(), name="token"),
    re_path(r"^token/refresh/?$", RefreshView.as_view(), name="refresh"),
    re_path(r"^token/revoke/?$", RevokeView.as_view(), name="revoke"),
    re_path(r"^token/introspect/?$", IntrospectView.as_view(), name="introspect"),
    re_path(r"^health/?$", HealthView.as_view(), name="health"),
    re_path(r"^jwks/?$", JwksView.as_view(), name="jwks"),
    re_path(r"^sessions/?$", SessionsView.as_view(), name="sessions"),
    re_path(r"^sessions/revoke-others/?$", RevokeOthersView.as_view(), name="revoke-others"),
    re_path(r"^sessions/revoke-all/?$", RevokeAllView.as_view(), name="revoke-all"),
    re_path(rf"^sessions/(?P<session_id>{_UUID})/?$", SessionView.as_view(), name="session"),
    re_path(r"^devices/?$", DevicesView.as_view(), name="devices"),
    re_path(rf"^devices/(?P<device_id>{_UUID})/?$", DeviceView.as_view(), name="device"),
    re_path(rf"^devices/(?P<device_id>{_UUID})/revoke/?$", RevokeDeviceView.as_view(), name="revoke-device"),
]
