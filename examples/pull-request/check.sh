#!/bin/sh
# Checks every policy that a change touches, against the branch that it is to be merged into.
#
#   sh check.sh BASE FOLDER
#
# BASE is what the change is compared with, such as origin/main; FOLDER holds the policies, and beside each NAME.yaml,
# if there are any, its cases as NAME.cases.yaml. Ends with 2 where somebody gains something, so that a person has to
# look; with 1 where a policy is faulty or a case fails.
set -u
base=${1:?the branch to compare with} folder=${2:?the folder of the policies}
toolgate=${TOOLGATE:-toolgate}
old=$(mktemp) || exit 1
trap 'rm -f "$old"' EXIT
status=0 gained=0

for policy in "$folder"/*.yaml; do
  case $policy in *.cases.yaml) continue ;; esac
  "$toolgate" check "$policy" || status=1
  cases=${policy%.yaml}.cases.yaml
  if [ -f "$cases" ]; then "$toolgate" test --policy "$policy" "$cases" || status=1; fi
  # A policy that is new is compared with one that grants nothing.
  git show "$base:./$policy" > "$old" 2>/dev/null || echo '{}' > "$old"
  echo "$policy, compared with $base:"
  "$toolgate" diff "$old" "$policy"
  case $? in 0) ;; 2) gained=1 ;; *) status=1 ;; esac
done

[ "$status" -eq 0 ] || exit 1
[ "$gained" -eq 0 ] || { echo "somebody gains something: have it approved" >&2; exit 2; }
