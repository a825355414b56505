/** pre-receive: sends what the push changes to be checked, and refuses it with the errors. See docs/hooks.md. */
import { CONTEXT_FILES, FILE_BYTES, PART_BYTES, PUSH_BYTES, PUSH_FILES, PUSH_REFS, PUSH_SECONDS } from "./limits.ts";
import { SHARED } from "./shared.sh.ts";

export const PRE_RECEIVE = String.raw`${SHARED}
part_bytes=${PART_BYTES}
push_bytes=${PUSH_BYTES}
push_files=${PUSH_FILES}
context_files=${CONTEXT_FILES}
file_bytes=${FILE_BYTES}
push_seconds=${PUSH_SECONDS}
push_refs=${PUSH_REFS}

# unchecked REASON: the push could not be checked.
unchecked() {
  if [ "$fail_open" = yes ]; then
    say "warning: this push was not checked, and is let through (--fail-open)"
    say "  $url: $1"
    exit 0
  fi
  say "this push could not be checked, and is refused"
  say "  $url: $1"
  say "  Push again once it answers. To let pushes through unchecked meanwhile, on the Git server run:"
  say "  gitstorectl hooks install DIR $repository --fail-open"
  exit 1
}

tmp=$(mktemp -d) || {
  # Letting a push through must not let it past the hook that was here before.
  if [ "$fail_open" = yes ] && [ -x "$0.local" ]; then
    say "warning: mktemp -d failed on the Git server; this push was not checked (--fail-open)"
    exec "$0.local" "$@"
  fi
  unchecked "mktemp -d failed on the Git server"
}
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$tmp/updates" || exit 1

# The hook that was here before comes first: its standard input is what git gave us, its refusal refuses.
if [ -x "$0.local" ]; then
  "$0.local" "$@" <"$tmp/updates" || exit $?
fi

LC_ALL=C
export LC_ALL tmp part_bytes push_bytes push_files context_files file_bytes
wrong=$(missing)
[ -z "$wrong" ] || unchecked "$wrong"
. "$hooks/gitstore.secret"
started=$(date +%s)

refs=$(wc -l <"$tmp/updates")
if [ "$refs" -gt "$push_refs" ]; then
  say "this push moves $refs refs; at most $push_refs can be checked: push fewer at a time"
  exit 1
fi

# differs N BASE TREE: lines "N <tab> file <tab> mode oid <tab> path" of what TREE has otherwise than BASE. The path is
# quoted as git does it (core.quotePath), so that no line break, tab or odd byte in it can be taken for ours.
differs() {
  git -c core.quotePath=true diff-tree -r --no-abbrev --no-renames --diff-filter=d "$2" "$3" >"$tmp/diff" ||
    unchecked "git diff-tree failed on the Git server"
  awk -F'\t' -v n="$1" '{ split($1, f, " "); print n "\tfile\t" f[2] " " f[4] "\t" $2 }' "$tmp/diff"
}

# tree_of OBJECT: its tree, or the empty one.
tree_of() {
  git rev-parse -q --verify "$1^{tree}" 2>/dev/null || git hash-object -t tree /dev/null
}

# changed N OLD NEW: the files an update changes. A new ref is compared with what all existing refs have: with each
# commit that its own ones build on (a file counts where it differs from all of them), else with the empty tree.
changed() {
  tree=$(git rev-parse -q --verify "$3^{tree}" 2>/dev/null) || return 0
  case $2 in
  *[!0]*) differs "$1" "$(tree_of "$2")" "$tree" ;;
  *)
    git rev-list --boundary "$3" --not --all >"$tmp/commits" || unchecked "git rev-list failed on the Git server"
    grep -q '^[^-]' "$tmp/commits" || return 0
    sed -n 's/^-//p' "$tmp/commits" | head -n 16 >"$tmp/bases"
    [ -s "$tmp/bases" ] || git hash-object -t tree /dev/null >"$tmp/bases"
    while read -r base <&4; do
      differs "$1" "$(tree_of "$base")" "$tree"
    done 4<"$tmp/bases" >"$tmp/differing"
    awk -v n="$(wc -l <"$tmp/bases")" '++seen[$0] == n' "$tmp/differing"
    ;;
  esac
  git -c core.quotePath=true ls-tree -r --full-tree "$tree" -- .gitstore >"$tmp/tree" ||
    unchecked "git ls-tree failed on the Git server"
  awk -F'\t' -v n="$1" '{ split($1, f, " "); print n "\tcontext\t" f[1] " " f[3] "\t" $2 }' "$tmp/tree"
}

late() {
  [ $(($(date +%s) - started)) -ge "$push_seconds" ]
}

n=0
: >"$tmp/candidates"
while read -r old new ref <&3; do
  case $new in
  *[!0]*)
    if [ "$n" -gt 0 ] && late; then
      say "$((refs - n)) of $refs refs were not looked at within $push_seconds s; they are left to admission"
      break
    fi
    changed "$n" "$old" "$new" >>"$tmp/candidates"
    ;;
  esac
  n=$((n + 1))
done 3<"$tmp/updates"

# Resource files only, each once with all its refs, definitions first: what follows may be of the kinds they define.
awk -F'\t' '
  $3 !~ /^100/ { next }
  {
    split($3, f, " ")
    definition = $4 ~ /^"?\.gitstore\/.*\.ya?ml"?$/
    if (!definition && $4 !~ /\.md"?$/) next
    if ($2 == "context") {
      if (!definition || (($1 "\t" $4) in changed)) next
    } else changed[$1 "\t" $4] = 1
    key = $2 "\t" f[2] "\t" $4
    if (key in refs) { refs[key] = refs[key] "," $1; next }
    refs[key] = $1
    if (definition) definitions[++d] = key
    else others[++o] = key
    if ($2 == "file") any = 1
  }
  function take(key, f) {
    split(key, f, "\t")
    if (f[1] == "file" && ++files > ENVIRON["push_files"]) { left++; return }
    if (f[1] == "context" && ++contexts > ENVIRON["context_files"]) return
    print f[1] "\t" refs[key] "\t" f[2] "\t" f[3]
  }
  END {
    if (any) {
      for (i = 1; i <= d; i++) take(definitions[i])
      for (i = 1; i <= o; i++) take(others[i])
    }
    print left + 0 >(ENVIRON["tmp"] "/left")
  }
' "$tmp/candidates" >"$tmp/selected"

# Cuts the list into parts by the sizes of the files.
cut -f 3 "$tmp/selected" | git cat-file --batch-check='%(objectsize)' >"$tmp/sizes" ||
  unchecked "git cat-file failed on the Git server"
: >"$tmp/list.1"
parts=$(paste "$tmp/sizes" "$tmp/selected" | awk -F'\t' -v used="$(wc -c <"$tmp/updates")" '
  BEGIN { part = 1 }
  $1 !~ /^[0-9]+$/ || $1 > ENVIRON["file_bytes"] + 0 || total + $1 > ENVIRON["push_bytes"] + 0 {
    if ($2 == "file") left++
    next
  }
  {
    cost = $1 + length($0) + 128
    if (used + cost > ENVIRON["part_bytes"] + 0) { part++; used = 0 }
    used += cost
    total += $1
    print $2, $3, $4, $1, $5 >(ENVIRON["tmp"] "/list." part)
  }
  END {
    print left + 0 >(ENVIRON["tmp"] "/left.sizes")
    print part
  }
')
left=$(($(cat "$tmp/left") + $(cat "$tmp/left.sizes")))

# report: prints the answer's errors and warnings, and leaves "allowed checked of errors" in $tmp/decision. The
# document is cut at its quotation marks, which makes every other record a string.
report() {
  awk '
    BEGIN { RS = "\"" }
    function hex(digits, i, value) {
      value = 0
      for (i = 1; i <= 4; i++) value = value * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
      return value
    }
    function character(code) {
      if (code < 32 || code == 127 || (code >= 55296 && code <= 57343)) return "?"
      if (code < 128) return sprintf("%c", code)
      if (code < 2048) return sprintf("%c%c", 192 + int(code / 64), 128 + code % 64)
      return sprintf("%c%c%c", 224 + int(code / 4096), 128 + int(code / 64) % 64, 128 + code % 64)
    }
    function decode(text, out, i, c) {
      out = ""
      while ((i = index(text, "\\")) > 0) {
        out = out substr(text, 1, i - 1)
        c = substr(text, i + 1, 1)
        text = substr(text, i + 2)
        if (c == "u") { out = out character(hex(text)); text = substr(text, 5) }
        else if (c ~ /[bfnrt]/) out = out " "
        else out = out c
      }
      return out text
    }
    function store(value) {
      if (depth == 1) top[key[1]] = value
      if (depth == 2) item[key[2]] = value
    }
    function place() {
      if (item["path"] == "") return ""
      return item["path"] ":" (item["line"] == "" ? 1 : item["line"]) ":" (item["column"] == "" ? 1 : item["column"]) ": "
    }
    function emit() {
      if (key[1] == "errors") { errors++; print place() item["message"] }
      else if (key[1] == "warnings") print place() "warning: " item["message"]
      else return
      if (item["hint"] != "") print "    hint: " item["hint"]
    }
    function structure(text, i, c, word) {
      word = ""
      for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c ~ /[ \t\r\n]/) continue
        if (pending) {
          pending = 0
          if (c == ":") { key[depth] = string; continue }
          store(string)
        }
        if (c ~ /[-+.0-9A-Za-z]/) { word = word c; continue }
        if (word != "") { store(word); word = "" }
        if (c == "{") { depth++; if (depth == 2) split("", item) }
        if (c == "}") { if (depth == 2) emit(); depth-- }
      }
    }
    inside {
      string = string $0
      if (match($0, /\\+$/) && RLENGTH % 2 == 1) { string = string "\""; next }
      string = decode(string)
      inside = 0
      pending = 1
      next
    }
    { structure($0); inside = 1; string = "" }
    END { print top["allowed"] "-", top["checked"] + 0, top["of"] + 0, errors + 0 >(ENVIRON["tmp"] "/decision") }
  ' "$tmp/answer" >&2
}

# decide: ends the hook with the answer in $tmp/answer.
decide() {
  report
  read -r allowed checked of errors <"$tmp/decision"
  case $allowed in
  true-)
    [ "$checked" -ge "$of" ] || say "checked $checked of $of changed files; the rest is left to admission"
    exit 0
    ;;
  false-)
    [ "$errors" = 1 ] && errors='1 error' || errors="$errors errors"
    say "push refused: $errors, $checked of $of changed files checked; nothing was changed"
    exit 1
    ;;
  *) unchecked "the answer (HTTP $status) is not one of a pre-receive check" ;;
  esac
}

who=$(actor)
push=$(openssl rand -hex 16)
again=yes
part=0
while :; do
  part=$((part + 1))
  list=$tmp/list.$part
  final=0
  if [ "$part" -gt 1 ] && late; then
    k=$part
    while [ "$k" -le "$parts" ]; do
      left=$((left + $(grep -c '^file ' "$tmp/list.$k")))
      k=$((k + 1))
    done
    parts=$part
    list=/dev/null
    again=no
  fi
  [ "$part" -lt "$parts" ] || final=1
  {
    printf 'gitstore-pre-receive 1\npush %s\npart %s\nfinal %s\n' "$push" "$part" "$final"
    if [ "$part" = 1 ]; then
      [ -z "$who" ] || printf 'actor %s\n' "$who"
      sed 's/^/update /' "$tmp/updates"
    fi
    [ "$final" = 0 ] || printf 'left %s\n' "$left"
    cat "$list"
    printf '\n'
    cut -d ' ' -f 3 "$list" | git cat-file --batch
  } >"$tmp/raw" || unchecked "git cat-file failed on the Git server"
  if command -v gzip >/dev/null 2>&1; then gzip -c <"$tmp/raw" >"$tmp/body"; else mv "$tmp/raw" "$tmp/body"; fi
  post "$tmp/body" "$push-$part" application/vnd.gitstore.pre-receive
  case $status in
  200) decide ;;
  202) [ "$final" = 0 ] || unchecked "the last part was sent, and no decision came (HTTP 202)" ;;
  409)
    # The earlier parts were forgotten (the object was evicted between two of them): once more, from the first.
    [ "$again" = yes ] || unchecked "HTTP 409: the parts of this push were forgotten twice"
    again=no
    part=0
    ;;
  000) unchecked "$(tr -d '\000-\037\177' <"$tmp/why" | cut -c 1-300)" ;;
  *) unchecked "HTTP $status $(tr -d '\000-\037\177' <"$tmp/answer" | cut -c 1-300)" ;;
  esac
done
`;
