"""A manager for the sites' own user models: those without a user name."""

from typing import Any

from django.contrib.auth.models import BaseUserManager


class People(BaseUserManager[Any]):
    """Makes users who are called by their e-mail address."""

    use_in_migrations = False

    def create_user(self, email: str, password: str | None = None, **more: Any) -> Any:
        user = self.model(email=self.normalize_email(email), **more)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None) -> Any:
        return self.create_user(email, password, is_staff=True, is_superuser=True)
