"""The generations that our own guest is built for."""

# Name of the program, version, PAE.
VERSIONS = [
    ("2.6.24", (2, 6, 24), False),
    ("2.6.25", (2, 6, 25), False),
    ("2.6.28", (2, 6, 28), False),
    ("2.6.30", (2, 6, 30), False),
    ("2.6.32", (2, 6, 32), False),
    ("2.6.39", (2, 6, 39), False),
    ("3.10", (3, 10, 4), False),
    ("3.10-pae", (3, 10, 4), True),
    ("4.0", (4, 0, 9), False),
    ("4.4", (4, 4, 1), False),
    ("4.13", (4, 13, 4), False),
    ("4.13-pae", (4, 13, 4), True),
]
