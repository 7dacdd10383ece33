"""The site's user admin: users go in and out as files, by django-import-export."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from import_export.admin import ImportExportModelAdmin
from import_export.fields import Field
from import_export.resources import ModelResource

User = get_user_model()


class UserResource(ModelResource):
    """What a file of users holds. `fields` and not `exclude`: the default takes the password's hash along."""

    class Meta:
        model = User
        fields = ("username", "email", "is_active")
        import_id_fields = ("username",)


class UserImport(UserResource):
    """The same, and a new password where the file has one."""

    new_password = Field(column_name="new_password", readonly=True)

    def before_save_instance(self, instance: Any, row: Any, **kwargs: Any) -> None:
        if row.get("new_password"):
            instance.set_password(row["new_password"])

    class Meta(UserResource.Meta):
        fields = (*UserResource.Meta.fields, "new_password")


class InBulk(UserResource):
    """The same by `bulk_update`, which sends no signals."""

    class Meta(UserResource.Meta):
        use_bulk = True


admin.site.unregister(User)


@admin.register(User)
class ImportExportUserAdmin(ImportExportModelAdmin, UserAdmin):
    def get_import_resource_classes(self, request: Any) -> list[type[ModelResource]]:
        return [UserImport]

    def get_export_resource_classes(self, request: Any) -> list[type[ModelResource]]:
        return [UserResource]
