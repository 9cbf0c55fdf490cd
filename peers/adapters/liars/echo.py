"""A liar: sends back what it is asked."""

import sys

for line in sys.stdin:
    print(line, end="", flush=True)
