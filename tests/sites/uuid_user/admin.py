"""The site's users in its admin, with nothing said about them."""

from django.contrib import admin

from tests.sites.uuid_user.models import Person

admin.site.register(Person)
