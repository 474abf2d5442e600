import re

from idim_cli.reports.entries import entries
from idim_cli.reports.latex import escaped, tables
from idim_cli.reports.result import load


def test_each_group_is_a_table_with_its_protocol_below_all_readings(runs_csv):
    text = tables(entries([load(runs_csv)]))
    assert text.startswith("% needs \\usepackage{booktabs}\n")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 3
    for block in re.findall(r"\\begin\{tabular\}\{(.*?)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        rows = [line for line in block[1].splitlines() if line.endswith(r"\\")]
        assert len(rows) >= 3
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(block[0]) - 1}
    caption = next(line for line in text.splitlines() if "caption{mnist, fc, tied" in line)
    for word in (r"d\_int90", r"95 \% interval", "baseline: model", "rule: isotonic"):
        assert word in caption


def test_special_letters_do_nothing(runs_csv):
    assert escaped("a_b & 5 % {x} \\ $ # ~ ^ <>") == (
        r"a\_b \& 5 \% \{x\} \textbackslash{} \$ \# \textasciitilde{} \textasciicircum{} "
        r"\textless{}\textgreater{}"
    )


def test_one_group_needs_no_overview(swept):
    assert tables(entries([load(swept)])).count(r"\begin{table}") == 1
