import re

import pytest

from idim_cli.reports.inputs.entries import entries
from idim_cli.reports.inputs.result import load
from idim_cli.reports.tables.latex import escaped, maths, tables


def test_each_group_is_a_table_with_its_protocol_below_all_readings(runs_csv):
    text = tables(entries([load(runs_csv)]))
    assert text.startswith("% needs \\usepackage{booktabs}\n")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 3
    for block in re.findall(r"\\begin\{tabular\}\{(.*?)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        rows = [line for line in block[1].splitlines() if line.endswith(r"\\")]
        assert len(rows) >= 3
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(block[0]) - 1}
    caption = next(line for line in text.splitlines() if "caption{mnist, fc, tied" in line)
    for word in (r"$d_{\mathrm{int}90}$", r"95 \% interval", "baseline: model", "rule: isotonic"):
        assert word in caption
    assert re.findall(r"\\label\{(.*?)\}", text) == [
        "tab:mnist-fc",
        "tab:mnist-fc-tied",
        "tab:mnist-fc-sparse",
    ]


@pytest.mark.parametrize(
    ("plain", "set_"),
    [
        ("501 .. 605", "501--605"),
        ("84 .. > 320", "84 to $> 320$"),
        ("<= 10 .. 1,605", r"$\leq 10$ to 1,605"),
        ("0.8595 (0.9 x)", r"0.8595 (0.9 $\times$)"),
        ("0.9 x 0.9550 = 0.8595", r"0.9 $\times$ 0.9550 = 0.8595"),
        ("1.2e-05", r"$1.2 \times 10^{-5}$"),
        ("-0.5", "$-0.5$"),
        ("d_int90: 3 at each d of D", r"$d_{\mathrm{int}90}$: 3 at each $d$ of $D$"),
        ("d_int99.5", r"$d_{\mathrm{int}99.5}$"),
        ("theta0, P, data order", r"$\theta_0$, $P$, data order"),
        ("160 +- 3", r"160 $\pm$ 3"),
        ("a_d, d-wide & 5 %", r"a\_d, d-wide \& 5 \%"),
    ],
)
def test_numbers_and_symbols_are_maths(plain, set_):
    assert maths(plain) == set_


def test_names_of_groups_are_no_maths(runs):
    for name in ("d", "D"):
        runs.add(100, 0.9, dataset=name)
        for d, score in ((10, 0.5), (20, 0.85)):
            runs.add(d, score, (len(name), ord(name), 0), dataset=name)
    text = tables(entries([load(runs.folder, baseline=0.9)]), [])
    assert re.search(r"^    d & ", text, re.MULTILINE)
    assert text.count(r"\begin{table}") == 1


def test_special_letters_do_nothing(runs_csv):
    assert escaped("a_b & 5 % {x} \\ $ # ~ ^ <>") == (
        r"a\_b \& 5 \% \{x\} \textbackslash{} \$ \# \textasciitilde{} \textasciicircum{} "
        r"\textless{}\textgreater{}"
    )


def test_one_group_needs_no_overview(swept):
    assert tables(entries([load(swept)])).count(r"\begin{table}") == 1
