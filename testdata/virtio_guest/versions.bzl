"""The generations that our own guest is built for."""

# Name of the program, version as a number, version as text, PAE.
VERSIONS = [
    ("2.6.24", 20624, "2.6.24", False),
    ("2.6.25", 20625, "2.6.25", False),
    ("2.6.28", 20628, "2.6.28", False),
    ("2.6.30", 20630, "2.6.30", False),
    ("2.6.32", 20632, "2.6.32", False),
    ("2.6.39", 20639, "2.6.39", False),
    ("3.10", 31000, "3.10.4", False),
    ("3.10-pae", 31000, "3.10.4", True),
    ("4.0", 40000, "4.0.9", False),
    ("4.4", 40400, "4.4.1", False),
    ("4.13", 41300, "4.13.4", False),
    ("4.13-pae", 41300, "4.13.4", True),
]
