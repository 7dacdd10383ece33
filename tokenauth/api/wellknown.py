"""The documents at the root: `path(".well-known/", include("tokenauth.api.wellknown"))`."""

from django.urls import re_path

from tokenauth.api.views.public import JwksView, MetadataView

urlpatterns = [
    re_path(r"^jwks\.json\Z", JwksView.as_view(), name="tokenauth-jwks"),
    re_path(r"^oauth-authorization-server\Z", MetadataView.as_view(), name="tokenauth-metadata"),
    # the same with a trailing slash, and below an issuer's path: in no schema, where no part may be absent
    re_path(r"^jwks\.json/\Z", JwksView.as_view(schema=None)),
    re_path(r"^oauth-authorization-server(?P<issuer_path>/.*)\Z", MetadataView.as_view(schema=None)),
]
