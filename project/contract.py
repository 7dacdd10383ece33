"""The URLs that openapi.json describes: the app's own, without the example site's."""

from django.urls import include, path

urlpatterns = [
    path("auth/", include("tokenauth.api.urls")),
    path(".well-known/", include("tokenauth.api.wellknown")),
]
