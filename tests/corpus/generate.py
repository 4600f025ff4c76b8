"""Writes corpus.jsonl: the systematic cases of areas/, then those of handmade.jsonl and captured.jsonl.

The same input gives the same bytes. With --print the corpus goes to standard output and no file is touched.
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from areas import case, encodings, framing, headers, keys, message, methods, mirrors, paths, texts, verbs

FOLDER = Path(__file__).parent


def all_cases():
    for area in (keys, message, methods, encodings, texts, headers, framing, verbs, paths, mirrors):
        area.add()
    for name in ("handmade.jsonl", "captured.jsonl"):
        for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
            yield json.loads(line)
    yield from case.CASES


def main():
    cases = sorted(all_cases(), key=lambda entry: entry["area"])
    seen = set()
    for entry in cases:
        if entry["id"] in seen:
            sys.exit(f"two cases are called {entry['id']}")
        seen.add(entry["id"])
    lines = "".join(json.dumps(entry) + "\n" for entry in cases)
    if "--print" in sys.argv[1:]:
        sys.stdout.write(lines)
    else:
        (FOLDER / "corpus.jsonl").write_text(lines, encoding="utf-8")
        print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
