"""Plots how long guests take from exec to power-off."""

from xml.sax.saxutils import escape

PHASES = [
    ("first_instruction_ms", "exec to first instruction", "#4477aa"),
    ("first_byte_ms", "to first console byte", "#ccbb44"),
    ("power_off_ms", "to power-off", "#66ccee"),
]
WIDTH, LEFT, BAR, GAP = 800, 140, 28, 16


def _text(x, y, text, anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'


def runs(results):
    """Returns an SVG with a bar for each {name: {measure: summary}}: the phases' medians, and a line for the spread of the total."""
    longest = max(measures["total_ms"]["max"] for measures in results.values())
    scale = (WIDTH - LEFT - 90) / longest
    parts, y = [], GAP
    for name, measures in results.items():
        parts.append(_text(LEFT - 8, y + BAR * 0.65, name, "end"))
        x = LEFT
        for measure, _, color in PHASES:
            width = measures[measure]["median"] * scale
            parts.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{color}"/>')
            x += width
        total = measures["total_ms"]
        left, right = LEFT + total["min"] * scale, LEFT + total["max"] * scale
        parts.append(f'<path d="M{left:.1f} {y + BAR / 2}H{right:.1f}" stroke="black" fill="none"/>')
        parts.append(_text(max(x, right) + 8, y + BAR * 0.65, f"{total['median']:.1f} ms"))
        y += BAR + GAP
    x = LEFT
    for _, label, color in PHASES:
        parts.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{color}"/>')
        parts.append(_text(x + 18, y + 11, label))
        x += 190
    height = y + 12 + GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            'font-family="sans-serif" font-size="13">\n'
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")
