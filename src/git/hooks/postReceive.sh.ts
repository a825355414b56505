/** post-receive: tells, in the background, which refs moved. Only a hint: what gets lost, the poll finds. */
import { SHARED } from "./shared.sh.ts";

/** Pauses before the second and each later attempt, in seconds. */
export const RETRY_SECONDS = [2, 10, 60];

export const POST_RECEIVE = String.raw`${SHARED}
retry_seconds='${RETRY_SECONDS.join(" ")}'

tmp=$(mktemp -d) || {
  say "warning: mktemp -d failed on the Git server; this push is found by the next poll"
  if [ -x "$0.local" ]; then exec "$0.local" "$@"; fi
  exit 0
}
cat >"$tmp/updates"
# Kept open, so that the background job may remove the file while the chained hook still reads it.
exec 3<"$tmp/updates"

# body: the delivery. A ref name has no backslash and no control character (git check-ref-format), but it may have a
# quotation mark.
body() {
  who=$(actor | sed 's/["\\]/\\&/g')
  printf '{"repository":"%s","actor":' "$repository"
  if [ -n "$who" ]; then printf '"%s"' "$who"; else printf null; fi
  printf ',"updates":['
  sed -e 's/"/\\"/g' -e 's/^\([0-9a-f]*\) \([0-9a-f]*\) \(.*\)$/{"ref":"\3","old":"\1","new":"\2"}/' -e '$!s/$/,/' "$tmp/updates"
  printf ']}'
}

deliver() {
  export LC_ALL=C
  body >"$tmp/body"
  id=$(openssl rand -hex 16)
  for pause in 0 $retry_seconds; do
    [ "$pause" = 0 ] || sleep "$pause"
    post "$tmp/body" "$id" application/json
    case $status in
    # Another answer to the same delivery will not come of sending it again.
    000 | 408 | 429 | 5??) ;;
    *) break ;;
    esac
  done
}

wrong=$(missing)
if [ -z "$wrong" ]; then
  # Nothing of the job holds a descriptor of the hook: git ends the push only when they are all closed.
  (
    trap '' HUP
    trap 'rm -rf "$tmp"' EXIT
    . "$hooks/gitstore.secret"
    deliver
  ) </dev/null >/dev/null 2>&1 3<&- &
else
  say "warning: $wrong""this push is found by the next poll"
  rm -rf "$tmp"
fi

if [ -x "$0.local" ]; then
  "$0.local" "$@" <&3 3<&-
  exit $?
fi
exit 0
`;
