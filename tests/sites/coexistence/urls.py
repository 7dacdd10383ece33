"""The URLs of the site: ours beside those of allauth, hijack, the admin and the API's schema."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from tests.sites.coexistence import views
from tokenauth.contrib.hijack import ImpersonationView

urlpatterns = [
    path("auth/impersonation/", ImpersonationView.as_view()),
    path("auth/", include("tokenauth.api.urls")),
    path(".well-known/", include("tokenauth.api.wellknown")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("hijack/", include("hijack.urls")),
    path("api/schema/", SpectacularAPIView.as_view()),
    path("api/me/", views.Me.as_view()),
    path("api/password/", views.Password.as_view()),
    path("api/payments/", views.Payments.as_view()),
    path("api/refuses/", views.WritesAndRefuses.as_view()),
]
