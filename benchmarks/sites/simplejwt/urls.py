"""simplejwt's own views, and the view that does nothing."""

from django.urls import path
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from benchmarks.sites.views import urlpatterns as trivial

urlpatterns = [
    *trivial,
    path("token/", TokenObtainPairView.as_view()),
    path("token/refresh/", TokenRefreshView.as_view()),
]
