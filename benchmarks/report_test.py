"""Tests the tables and the plot."""

import unittest
import xml.etree.ElementTree

from benchmarks import micro
from benchmarks import plot
from benchmarks import report


def row(name, nanoseconds, **more):
    return {"run_name": name, "run_type": "iteration", "time_unit": "us", "real_time": 1e6,
            "cpu_time": nanoseconds / 1e3, **more}


class ReportTest(unittest.TestCase):
    def test_median_and_spread_of_many_runs(self):
        summary = report.summarize([{"a_ms": 3.0}, {"a_ms": 1.0, "b_ms": 7.0}, {"a_ms": 200.0}])
        self.assertEqual(report.cell(summary["a_ms"]), "3 (1 to 200)")
        self.assertEqual(report.cell(summary["b_ms"]), "7")

    def test_missed_target_is_marked(self):
        fast, slow = ({"first_instruction_ms": report.summary([value])} for value in (20.0, 20.5))
        self.assertIn("20 ≤ 20", report.table({"sim": fast}))
        self.assertIn("MISSED", report.table({"sim": slow}))
        self.assertIn("MISSED", report.table({"linux kvm": fast}))

    def test_columns_are_aligned(self):
        lines = report.markdown([["a", "b"], ["long", "1"]]).splitlines()
        self.assertEqual(lines, ["| a    | b   |", "| ---- | --- |", "| long | 1   |"])

    def test_comparison_with_the_limit(self):
        rows = [row("BM_Send/1", 100.0, heap=0.0), row("BM_Send/1", 120.0, heap=0.0), row("BM_Limit_Send/1", 55.0)]
        self.assertEqual(
            list(micro.lines(micro.medians(rows))), [["BM_Send/1", "110 ns", "55 ns", "50.0 %", "heap 0"]])

    def test_one_limit_for_all_variants(self):
        rows = [row("BM_Wake/soft/manual_time", 1.0), row("BM_Limit_Wake/manual_time", 1.0)]
        self.assertEqual(list(micro.lines(micro.medians(rows)))[0][3], "100.0 %")

    def test_real_time_measurement(self):
        self.assertEqual(micro.time_of(row("BM_Wait/real_time", 5.0)), 1e9)

    def test_skipped_measurement_has_a_reason(self):
        rows = [row("BM_Tun", 0.0, error_message="skipped: no tap")]
        self.assertEqual(list(micro.lines(micro.medians(rows)))[0][:2], ["BM_Tun", "skipped: no tap"])

    def test_plot_has_a_bar_for_each_phase(self):
        phases = {name: report.summary([5.0]) for name, _, _ in plot.PHASES}
        svg = plot.runs({"sim": {**phases, "total_ms": report.summary([15.0, 16.0])}, "<kvm>": {
            **phases, "total_ms": report.summary([15.0])}})
        root = xml.etree.ElementTree.fromstring(svg)
        rectangles = root.findall("{http://www.w3.org/2000/svg}rect")
        self.assertEqual(len(rectangles), 1 + 3 * len(plot.PHASES))  # background, two bars, legend


if __name__ == "__main__":
    unittest.main()
