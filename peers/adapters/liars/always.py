"""A liar: greets as an adapter does, and gives the same verdict whatever it is asked."""

import json
import sys

for line in sys.stdin:
    try:
        asked = json.loads(line)
    except ValueError:
        continue
    answer = {"id": asked["id"], "answer": sys.argv[1]}
    if asked["command"] == "hello":
        about = ("name", "version", "language", "library")
        answer = {"id": asked["id"], "answer": "hello", **dict.fromkeys(about, "liar")}
    elif asked["command"] != "verify" and sys.argv[2:] != ["whatever"]:
        answer = {"id": asked["id"], "answer": "unsupported", "why": "the command is not known"}
    print(json.dumps(answer), flush=True)
