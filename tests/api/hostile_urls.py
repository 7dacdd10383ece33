"""The URLs of a site with hostile DRF defaults: our endpoints alone."""

from django.urls import include, path

urlpatterns = [
    path("auth/", include("tokenauth.api.urls")),
    path(".well-known/", include("tokenauth.api.wellknown")),
]
