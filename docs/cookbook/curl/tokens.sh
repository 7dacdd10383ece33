#!/usr/bin/env bash
# A script's side of a session. Needs bash, curl and flock.
#
#   tokens.sh login ada < password-file     log in
#   tokens.sh access                        print an access token; refresh where it is about to expire
#   tokens.sh refresh                       the same, and refresh whether or not
#   tokens.sh logout                        end the session
#
# One store for each session, a file that its owner alone can read. The rules that matter are marked (1) to
# (4); the server cannot tell a client that breaks them from a thief.
set -euo pipefail
umask 077

BASE=${TOKENS_BASE:-http://127.0.0.1:8000/auth/}
CLIENT=${TOKENS_CLIENT:-web}
STORE=${TOKENS_STORE:-$HOME/.local/state/tokens-$CLIENT}

main() {
    mkdir -p "$(dirname "$STORE")"
    exec 9>"$STORE.lock"
    flock 9 # until this script ends: what is read stays what is held
    case ${1:-} in
        login) login "${2:?name the user}" ;;
        access) access ;;
        refresh) refresh && echo "$access_token" ;;
        logout) logout ;;
        *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
    esac
}

login() {
    local password
    read -rsp "Password: " password
    key=$(new_key)
    post login/ "username=$1" "password=$password"
    [[ $status == 200 ]] || fail "$(member error_description)"
    keep_answer
}

access() {
    load
    ((expires - 15 > $(date +%s))) || refresh
    echo "$access_token"
}

refresh() {
    load
    if [[ -z $key ]]; then
        # (1) the key is stored beside the token before anything is sent: after a crash the next run sends the same
        key=$(new_key)
        save
    fi
    post token/refresh/ "refresh_token=$refresh_token"
    if [[ $(member reauthenticate) == true ]]; then
        rm -f "$STORE"
        fail "The session is over: log in."
    fi
    [[ $status == 200 ]] || fail "$(member error_description)"
    keep_answer # (2) nobody else has written meanwhile: the lock; (3) saved before it is used
}

logout() {
    load
    rm -f "$STORE"
    key=
    post token/revoke/ "token=$refresh_token"
}

# POST a form; sets `answer` and `status`. (4) After a lost answer, a 429 or a 5xx curl sends the same again.
# The form goes in by a pipe: no other user of the machine sees it in the list of processes.
post() {
    local path=$1 pair
    shift
    answer=$(
        {
            for pair in "client_id=$CLIENT" "$@"; do
                pair=${pair//\\/\\\\}
                printf 'data-urlencode = "%s"\n' "${pair//\"/\\\"}"
            done
            [[ -z $key ]] || printf 'header = "Idempotency-Key: %s"\n' "$key"
        } | curl -sS -K - --max-time 15 --retry 4 --retry-all-errors -w '\n%{http_code}' "$BASE$path"
    ) || fail "Nobody answers; the session goes on, try again later."
    status=${answer##*$'\n'}
    [[ $status != 429 && $status != 5* ]] || fail "Not now ($status); the session goes on, try again later."
}

# a member of the answer: its values hold neither quotes nor commas
member() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<<"$answer"; }

keep_answer() {
    refresh_token=$(member refresh_token) access_token=$(member access_token)
    expires=$(($(date +%s) + $(member expires_in))) key=
    save
}

# whole or not at all, and on the disk before anybody goes on
save() {
    printf '%s\n' "$refresh_token" "$access_token" "$expires" "$key" >"$STORE.new"
    sync "$STORE.new"
    mv -f "$STORE.new" "$STORE"
}

load() {
    [[ -e $STORE ]] || fail "Nobody is logged in."
    { read -r refresh_token && read -r access_token && read -r expires && read -r key; } <"$STORE"
}

new_key() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }

fail() {
    echo "$1" >&2
    exit 1
}

main "$@"
