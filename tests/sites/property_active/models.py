"""The site's user model."""

from datetime import date

from django.contrib.auth.models import AbstractBaseUser
from django.db import models

from tests.sites.people import People


class Member(AbstractBaseUser):
    """Somebody who is active until he leaves. No permissions of Django's: whoever is staff may do all."""

    email = models.EmailField(unique=True)
    left_on = models.DateField(null=True, blank=True)
    is_staff = models.BooleanField(default=False)

    objects = People()

    USERNAME_FIELD = "email"

    def __str__(self) -> str:
        return self.email

    @property
    def is_active(self) -> bool:
        return self.left_on is None or self.left_on > date.today()

    def has_perm(self, permission: str, obj: object = None) -> bool:
        return self.is_staff and self.is_active

    def has_perms(self, permissions: list[str], obj: object = None) -> bool:
        return self.is_staff and self.is_active

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff and self.is_active
