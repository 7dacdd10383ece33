"""A site that carries what many sites carry, with the defaults of cookiecutter-django: allauth headless,
axes, otp, hijack, import-export, and an API with DRF's own tokens beside ours."""

from datetime import timedelta

from tests import settings as base
from tests.settings import *  # noqa: F403 - the smallest site, but for what stands below

ROOT_URLCONF = "tests.sites.coexistence.urls"
DATABASES = {"default": {**base.DATABASES["default"], "ATOMIC_REQUESTS": True}}
SITE_ID = 1

INSTALLED_APPS = [
    *base.INSTALLED_APPS,
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_email",
    "hijack",
    "import_export",
    "tests.sites.coexistence",
    "rest_framework.authtoken",
    "drf_spectacular",
]
MIDDLEWARE = [
    *base.MIDDLEWARE,
    "django_otp.middleware.OTPMiddleware",
    "hijack.middleware.HijackUserMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tokenauth.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.TokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
    "ALLOWED_VERSIONS": ["1", "2"],
    "DEFAULT_VERSION": "1",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {"anon": "3/minute", "user": "1000/minute"},
    "EXCEPTION_HANDLER": "tests.sites.coexistence.views.in_an_envelope",
}

AXES_FAILURE_LIMIT = 3
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# else whoever tries while he is locked starts the 15 minutes again
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# its log of successful logins makes a Django session, and a cookie, for every login for tokens
AXES_DISABLE_ACCESS_LOG = True

HEADLESS_TOKEN_STRATEGY = "tokenauth.contrib.allauth.TokenStrategy"
HEADLESS_CLIENTS = ("app",)

ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

TOKENAUTH = {
    **base.TOKENAUTH,
    "LOGIN_CHALLENGE": "tokenauth.contrib.otp.challenge",
    "LOGIN_VERIFY": "tokenauth.contrib.otp.verify",
    "ALLAUTH_CLIENTS": ["phone", "tablet"],
}
