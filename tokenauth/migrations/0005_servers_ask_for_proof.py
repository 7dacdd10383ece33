"""A resource server may ask that a token names one of some classes of login."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tokenauth', '0004_processes_report'),
    ]

    operations = [
        migrations.AddField(
            model_name='client',
            name='acr',
            field=models.JSONField(blank=True, default=list),
        ),
    ]
