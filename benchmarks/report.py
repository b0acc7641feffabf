"""Turns measured numbers into tables."""

import os
import statistics

# Upper bounds for each host, in the unit of the measure.
TARGETS = {
    "first_instruction_ms": {"sim": 20.0, "kvm": 5.0, "device": 5.0},
    "memory_mib": {"sim": 40.0, "kvm": 4.0, "device": 4.0},
    "idle_percent": {"sim": 1.0, "kvm": 1.0, "device": 1.0},
    "parallel_slowdown": {"sim": 1.0, "kvm": 1.0, "device": 1.0},
}


def machine():
    """Returns a description of this machine."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {
        "processor": model,
        "processors": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1),
        "linux": os.uname().release,
        "load_average": round(os.getloadavg()[0], 1),
    }


def summary(values):
    """Returns the median and the spread of a list of numbers."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}


def summarize(rows):
    """Turns [{measure: number}] into {measure: summary}. A measure may be missing from some rows."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: summary([row[name] for row in rows if name in row]) for name in names}


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def cell(measured):
    if measured["runs"] == 1:
        return number(measured["median"])
    return f"{number(measured['median'])} ({number(measured['min'])} to {number(measured['max'])})"


def markdown(rows):
    """Returns a Markdown table. The first of `rows` is the header."""
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        fill = "-" if row is rows[1] else " "
        lines.append("| " + " | ".join(text.ljust(width, fill) for text, width in zip(row, widths)) + " |")
    return "\n".join(lines)


def table(results):
    """Returns {host: {measure: summary}} as Markdown: a line for each measure, with its target if it has one."""
    names = dict.fromkeys(name for measures in results.values() for name in measures)
    rows = [["measure", *results]]
    for name in names:
        row = [name]
        for host, measures in results.items():
            text = cell(measures[name]) if name in measures else ""
            target = TARGETS.get(name, {}).get(host.split()[-1])
            if text and target is not None:
                met = measures[name]["median"] <= target
                text += f" {'≤' if met else '> (MISSED)'} {number(target)}"
            row.append(text)
        rows.append(row)
    return markdown(rows)


def write(path, text):
    """Writes a file that the user named. `bazel run` starts a program in another directory than the user's."""
    with open(users_path(path), "w", encoding="utf-8") as file:
        file.write(text)


def users_path(path):
    """Resolves `path` against the user's directory."""
    return os.path.join(os.environ.get("BUILD_WORKING_DIRECTORY", ""), path)
