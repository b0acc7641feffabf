"""Which warnings our own code is compiled with; third-party code is compiled with none (see .bazelrc)."""

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

# Repositories whose headers we include from their root, where Bazel does not make them system headers by itself.
SYSTEM_HEADERS = [
    "external/com_google_absl",
]
