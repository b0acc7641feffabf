"""Tests that every measurement of a benchmark can be made. Times are ignored."""

import json
import subprocess
import sys

# A measurement that this machine does not allow has the error "skipped: " and the reason.
SKIPPED = "skipped: "


def main():
    result = subprocess.run(
        [sys.argv[1], "--benchmark_min_time=0.001", "--benchmark_format=json"], stdout=subprocess.PIPE, check=False)
    if result.returncode != 0:
        sys.exit(f"exit status {result.returncode}")
    measured = json.loads(result.stdout)["benchmarks"]
    if not measured:
        sys.exit("nothing was measured")
    failed = 0
    for row in measured:
        error = row.get("error_message", "")
        failed += bool(error) and not error.startswith(SKIPPED)
        print(row["name"], error or "ok")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
