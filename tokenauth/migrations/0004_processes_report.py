"""Processes say how far they are: a row each, and until when somebody asks for more (REFERENCE T3)."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tokenauth', '0003_what_operators_ask_for'),
    ]

    operations = [
        migrations.CreateModel(
            name='MirrorProcess',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('host', models.CharField(max_length=64)),
                ('pid', models.BigIntegerField()),
                ('kind', models.CharField(blank=True, max_length=32)),
                ('release', models.CharField(blank=True, max_length=32)),
                ('rules', models.CharField(blank=True, max_length=16)),
                ('notifier', models.CharField(blank=True, max_length=16)),
                ('started_at', models.DateTimeField()),
                ('number', models.BigIntegerField(default=0)),
                ('age', models.BigIntegerField(default=0)),
                ('reported', models.BigIntegerField()),
            ],
            options={
                'verbose_name': 'process',
                'verbose_name_plural': 'processes',
            },
        ),
        migrations.AddField(
            model_name='plane',
            name='report_until',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
    ]
