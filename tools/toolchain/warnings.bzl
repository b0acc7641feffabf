"""The warnings for the project's own code. Third-party code is compiled without warnings (see .bazelrc)."""

C_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wcast-qual",
    "-Wconversion",
    "-Wformat=2",
    "-Wmissing-declarations",
    "-Wshadow",
    "-Wundef",
    "-Wvla",
]

CXX_WARNINGS = C_WARNINGS + [
    "-Wnon-virtual-dtor",
    "-Wold-style-cast",
    "-Woverloaded-virtual",
]

# Repositories whose headers are included relative to the repository's root. Bazel does not make these system headers.
SYSTEM_HEADERS = [
    "external/com_google_absl",
]
