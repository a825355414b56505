/** What both hooks share. POSIX sh, run under dash; String.raw, so that a backslash here is a backslash there. */

/** Tells our hooks from others': one that has it is replaced, any other is chained. */
export const HOOK_MARKER = "# gitstore-edge hook";

/** The file beside the hooks that holds the signing key, mode 600. */
export const SECRET_FILE = "gitstore.secret";

export const SHARED = String.raw`
hooks=$(dirname "$0")

say() {
  printf 'gitstore: %s\n' "$*" >&2
}

# missing: what the hook cannot work without, empty where all is there.
missing() {
  for tool in git curl openssl; do
    command -v "$tool" >/dev/null 2>&1 || printf '%s is not installed on the Git server; ' "$tool"
  done
  [ -r "$hooks/gitstore.secret" ] || printf 'the user %s cannot read %s/gitstore.secret; ' "$(id -un)" "$hooks"
}

# mac FILE: HMAC-SHA-256 in base64. The padded keys come from gitstore.secret and go through the shell's own printf:
# openssl's -macopt would show the key to everyone who runs ps.
mac() {
  { printf %b "$ipad" && cat "$1"; } | openssl dgst -sha256 -binary >"$tmp/inner" &&
    { printf %b "$opad" && cat "$tmp/inner"; } | openssl dgst -sha256 -binary | openssl base64 -A
}

# post FILE ID TYPE: sends FILE, signed as a Standard Webhook. Leaves the HTTP status in $status (000: no answer), the
# answer in $tmp/answer and curl's complaint in $tmp/why.
post() {
  now=$(date +%s)
  { printf '%s.%s.' "$2" "$now" && cat "$1"; } >"$tmp/signed"
  signature=$(mac "$tmp/signed")
  : >"$tmp/answer"
  status=$(curl -q -sS --connect-timeout 5 --max-time 60 -o "$tmp/answer" -w '%{http_code}' \
    -H "webhook-id: $2" -H "webhook-timestamp: $now" -H "webhook-signature: v1,$signature" \
    -H "content-type: $3" -H 'expect:' --data-binary "@$1" "$url" 2>"$tmp/why")
  [ -n "$status" ] || status=000
}

# actor: who pushes, as the Git server says it, on one line.
actor() {
  name=$REMOTE_USER
  [ -n "$name" ] || name=$GL_USERNAME
  [ -n "$name" ] || name=$USER
  printf %s "$name" | tr -d '\000-\037\177' | cut -c 1-256
}
`;
