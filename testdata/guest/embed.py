"""Writes the bytes of a file as assembly.

The bytes become a section of whole pages, between the symbols SECTION_start and SECTION_end.
"""

import sys

HEAD = """// The bytes of {path}.

        .section .{section}, "a"
        .balign 4096
        .globl {section}_start
{section}_start:
"""

TAIL = """
        .balign 4096
        .globl {section}_end
{section}_end:

        .section .note.GNU-stack, "", @progbits
"""


def main():
    section, input_path, output_path = sys.argv[1:]
    with open(input_path, "rb") as source:
        data = source.read()
    lines = [
        "        .byte " + ", ".join(str(byte) for byte in data[i : i + 16])
        for i in range(0, len(data), 16)
    ]
    with open(output_path, "w", encoding="ascii") as output:
        output.write(HEAD.format(section=section, path=input_path.rpartition("/")[2]))
        output.write("\n".join(lines))
        output.write(TAIL.format(section=section))


if __name__ == "__main__":
    main()
