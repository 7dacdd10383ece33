"""A site that has run for a month, as rows: users, clients, devices, sessions, their events and orders."""

from django.contrib.auth import get_user_model
from django.db import connection, transaction

from tokenauth.models import Client, TokenFamily

#: Sessions for each user, on average.
EACH = 5
#: Of one user alone: a service that logs in again and again.
TIRELESS = 10_000
CLIENTS = 20
#: Days over which the sessions began.
DAYS = 30
#: Days since when the last client is out of use.
RETIRED = 20

#: A UUIDv7 of a moment.
_ID_OF = """
CREATE OR REPLACE FUNCTION pg_temp.id_of(moment timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7'
    || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid $$
"""

_USERS = """
INSERT INTO auth_user (id, username, email, password, first_name, last_name, is_staff, is_active,
    is_superuser, date_joined)
SELECT n, 'user' || n, 'user' || n || '@example.test', '!', '', '', false, true, false, now()
FROM generate_series(1000, 1000 + %(users)s) n
"""

# clients are used as unevenly as they are in life; the last one has been out of use for some time
_DEVICES = """
INSERT INTO tokenauth_device (id, user_key, client_id, installation, name, platform, epoch, created_at,
    lost_at)
SELECT pg_temp.id_of(moment), (1000 + n %% %(users)s)::text,
    %(first_client)s + CASE WHEN moment < now() - %(retired)s * interval '1 day' AND n %% 10 = 0
        THEN %(clients)s - 1 ELSE floor((%(clients)s - 1) * random() ^ 3)::int END, NULL,
    (ARRAY['Pixel 9', 'iPhone', 'Firefox on Linux', 'Chrome on Windows', ''])[1 + n %% 5],
    (ARRAY['Android 16', 'iOS 26', 'Linux', 'Windows', ''])[1 + n %% 5], 0, moment,
    CASE WHEN n %% 500 = 0 THEN moment END
FROM (SELECT n, now() - random() * %(days)s * interval '1 day' AS moment
    FROM generate_series(1, %(devices)s) n) made
"""

_FAMILIES = """
INSERT INTO tokenauth_tokenfamily (id, user_key, client_id, device_id, audience, scope, transport, jkt,
    auth_time, acr, amr, backend, impersonator, policy, policy_version, risk, created_at,
    absolute_expires_at, revoked_at, cause, actor, live_device, secret, generation, branches, won, rotated_at,
    attempt, overlap_run, overlapped, exact, refresh_kid, format, refresh_expires_at, access_expires_at,
    ep_site, ep_client, ep_device, ep_user, ep_impersonator)
SELECT pg_temp.id_of(moment), user_key, client_id, id, 'https://issuer.test', 'orders:read', 1, '', moment,
    '', 'pwd', 'django.contrib.auth.backends.ModelBackend', '', 'browser', 0, 0, moment,
    moment + interval '31 days', ended, CASE WHEN ended IS NULL THEN '' ELSE
        (ARRAY['logged_out', 'replaced', 'revoked', 'reuse'])[1 + (n %% 31) %% 4] END,
    CASE WHEN n %% 29 = 0 AND ended IS NOT NULL THEN 'admin:1' ELSE '' END,
    CASE WHEN ended IS NULL AND serial = 1 THEN id END, decode(md5(n::text) || md5(n::text), 'hex'),
    n %% 400, 1, CASE WHEN n %% 400 > 0 THEN 0 END, moment + interval '1 hour', NULL, 0, false, false, 'kid',
    1, moment + interval '15 days', moment + interval '2 hours', 0, 0, 0, 0, 0
FROM (
    SELECT d.*, moment, CASE WHEN n %% 3 > 0 THEN moment + random() * interval '1 day' END AS ended
    FROM (SELECT *, row_number() OVER () AS n FROM tokenauth_device, generate_series(1, %(each)s) serial) d,
        LATERAL (SELECT d.created_at + (now() - d.created_at) * random() AS moment) began
) made
LIMIT %(families)s
"""

_TIRELESS = """
UPDATE tokenauth_tokenfamily SET user_key = '1000'
WHERE id IN (
    SELECT id FROM tokenauth_tokenfamily WHERE revoked_at IS NOT NULL ORDER BY id DESC LIMIT %(many)s
)
"""

# each session's login, a rotation and, where it ended, its end
_EVENTS = """
INSERT INTO tokenauth_tokenevent (at, kind, family, user_key, client_id, device, generation, branch, cause,
    actor, mac)
SELECT at, kind, family, user_key, client_id, device, generation, 0, cause, actor, '\\x00'
FROM (
    SELECT f.created_at AS at, 1 AS kind, f.id AS family, user_key, c.client_id, device_id AS device,
        0 AS generation, '' AS cause, '' AS actor FROM tokenauth_tokenfamily f
        JOIN tokenauth_client c ON c.id = f.client_id
    UNION ALL
    SELECT f.rotated_at, 2, f.id, user_key, c.client_id, device_id, 1, '', '' FROM tokenauth_tokenfamily f
        JOIN tokenauth_client c ON c.id = f.client_id WHERE generation > 0
    UNION ALL
    SELECT f.revoked_at, CASE WHEN cause = 'reuse' THEN 5 ELSE 8 END, f.id, user_key, c.client_id, device_id,
        generation, cause, actor FROM tokenauth_tokenfamily f
        JOIN tokenauth_client c ON c.id = f.client_id WHERE revoked_at IS NOT NULL
) happened ORDER BY at
"""

_DETAILS = """
INSERT INTO tokenauth_eventdetail (event_id, salt, address, agent, name)
SELECT id, '\\x00', ('10.' || id % 20 || '.' || id % 241 || '.' || id % 251)::inet, 'Mozilla/5.0',
    'user' || user_key FROM tokenauth_tokenevent WHERE kind IN (1, 5)
"""

_ORDERS = """
INSERT INTO tokenauth_revocationorder (number, kind, key, floor, until, at, cause, actor)
SELECT row_number() OVER (ORDER BY revoked_at), 6, id::text, 0, revoked_at + interval '1 hour', revoked_at,
    cause, actor FROM tokenauth_tokenfamily WHERE cause IN ('revoked', 'reuse')
"""

_ACCOUNTS = """
INSERT INTO tokenauth_accountstate (user_key, epoch) SELECT n::text, 0
FROM generate_series(1000, 1000 + %(users)s) n ON CONFLICT DO NOTHING
"""


def fill(families: int) -> None:
    """Fill an empty, migrated PostgreSQL database with that many sessions and all that belongs to them."""
    Client.objects.bulk_create(
        Client(client_id=f"client-{n:02}", name=f"Client {n}", kind="web", first_party=True, scopes=[])
        for n in range(CLIENTS)
    )
    users = max(families // EACH, 1)
    size = {
        "users": users,
        "families": families,
        "each": 2,
        "devices": families // 2 + 1,
        "clients": CLIENTS,
        "first_client": Client.objects.order_by("pk").values_list("pk", flat=True)[0],
        "days": DAYS,
        "retired": RETIRED,
        "many": min(TIRELESS, families // 100),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ID_OF)
        for statement in (_USERS, _DEVICES, _FAMILIES, _TIRELESS, _EVENTS, _DETAILS, _ORDERS, _ACCOUNTS):
            cursor.execute(statement, size if "%(" in statement else None)
        cursor.execute("UPDATE tokenauth_plane SET n = (SELECT max(number) FROM tokenauth_revocationorder)")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def is_filled(families: int) -> bool:
    """Whether the database holds such a crowd already."""
    return get_user_model().objects.filter(username="user1000").exists() and (
        TokenFamily.objects.count() >= families
    )
