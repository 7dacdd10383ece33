"""django-oauth-toolkit's own views, and the view that does nothing."""

from django.urls import path
from oauth2_provider import views

from benchmarks.sites.views import urlpatterns as trivial

urlpatterns = [
    *trivial,
    path("token/", views.TokenView.as_view()),
    path("introspect/", views.IntrospectTokenView.as_view()),
]
