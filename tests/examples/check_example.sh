#!/bin/sh
# check_example.sh EXAMPLE_FOLDER TOOLS_FOLDER: the example runs, in little, and every table and figure
# that it says it writes is there and is more than a frame.
set -eu
example=$1
PATH=$(cd "$2" && pwd):$PATH
command -v gnuplot >/dev/null || { echo "SKIP: gnuplot is not installed (scripts/setup --figures)"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
status=0
"$example/run" --quick -o "$out" >"$out/stdout" 2>"$out/stderr" || status=$?
if [ "$status" -ne 0 ]; then
  cat "$out/stderr" >&2
  if [ "$status" -eq 77 ]; then exit 77; else exit 1; fi  # 77: a program it shows is not installed
fi

fail() { echo "FAIL: $*" >&2; exit 1; }
! grep -i warning "$out/stderr" || fail "warnings, above"
named=$(sed -n '2,/^[^#]/s/^#//p' "$example/run" | grep -o '[a-z-]*\.\(tsv\|{svg,png}\)')
[ -n "$named" ] || fail "the head of run names no files"
for file in $named; do
  case $file in
    *.tsv) [ "$(wc -l <"$out/$file")" -gt 1 ] || fail "$file has no rows" ;;
    *)
      figure=$out/${file%%.*}
      [ "$(wc -c <"$figure.png")" -gt 8000 ] || fail "$figure.png is empty"
      [ "$(wc -c <"$figure.svg")" -gt 8000 ] || fail "$figure.svg is empty"
      ;;
  esac
done
