"""Tables and texts that fit the terminal: what gives way, and that nothing is lost without a word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.words import COMMAND, shortened
from flows.cli import tables
from flows.cli.output import say, table
from flows.cli.tables import Shape, fit, left_out, lines, wrapped

COLUMNS = ("name", "figure", "note", "title")
words = st.text("abc xyz", min_size=0, max_size=60)
rows_of = st.lists(st.tuples(st.text("ab", min_size=1, max_size=9), st.integers(0, 10**6), words, words), max_size=5)
SHAPE = Shape(right=("figure",), text={"note": 10}, below=("title",), spare=("note", "figure"))


@given(rows_of, st.integers(9, 200))
def test_no_line_is_wider_than_the_limit(rows: list[tuple[object, ...]], limit: int) -> None:
    told, fitted = lines(COLUMNS, rows, SHAPE, limit)
    # A text below its row is at least 20 wide, and its words stay whole: one of them can be an address.
    longest = max((len(tables.INDENT + word) for row in rows for word in str(row[3]).split()), default=0)
    assert max(map(len, told)) <= (max(limit, 20, longest) if fitted.below else limit)


def test_a_word_below_its_row_stays_whole() -> None:
    word = "https://example.org/" + "a" * 60
    told, _ = lines(COLUMNS, [("a", 0, "", word)], SHAPE, 40)
    assert tables.INDENT + word in told


@given(rows_of, st.integers(9, 200))
def test_what_is_missing_is_said_and_what_is_cut_ends_in_an_ellipsis(
    rows: list[tuple[object, ...]], limit: int
) -> None:
    told, fitted = lines(COLUMNS, rows, SHAPE, limit)
    assert {*fitted.widths, *fitted.below, *fitted.left_out} == set(COLUMNS)
    assert bool(left_out(fitted, limit)) == bool(fitted.left_out or fitted.cut)
    text = " ".join("\n".join(told).split())
    for row in rows:
        for column, cell in zip(COLUMNS, row, strict=True):
            whole = " ".join(str(cell).split())
            if column not in fitted.left_out and whole not in text:
                assert fitted.cut, (column, whole)
    assert fitted.cut or "…" not in text


@given(rows_of)
def test_without_a_limit_everything_is_there(rows: list[tuple[object, ...]]) -> None:
    told, fitted = lines(COLUMNS, rows, SHAPE, None)
    assert not left_out(fitted, None) and not fitted.below
    for line, row in zip(told[2:], rows, strict=True):
        assert line.split() == " ".join(str(c) for c in row).split()


def test_text_is_cut_first_then_moved_below_then_columns_are_left_out() -> None:
    natural = {"name": 10, "note": 30, "title": 40, "rows": 5, "cost": 6}
    shape = Shape(text={"note": 20}, below=("title",), spare=("cost", "rows"))
    assert fit(natural, shape, 99).widths == natural
    cut = fit(natural, shape, 95)
    assert (cut.widths["note"], cut.below, cut.left_out, cut.cut) == (26, (), (), True)
    below = fit(natural, shape, 60)
    assert (below.below, below.left_out, below.cut) == (("title",), (), False)
    assert fit(natural, shape, 43).left_out == ("cost",)
    assert fit(natural, shape, 32).left_out == ("cost", "rows")


def test_figures_and_headers_are_aligned() -> None:
    told, _ = lines(("dataset", "rows"), [("a", "1,234"), ("bb", "5")], Shape(right=("rows",)), None)
    assert told == ["dataset   rows", "-------  -----", "a        1,234", "bb           5"]


def test_a_cell_with_brackets_is_no_markup() -> None:
    assert lines(("a",), [("[bold]x[/bold]",)], Shape(), None)[0][2] == "[bold]x[/bold]"


@pytest.mark.parametrize("columns", ["80", "120"])
def test_columns_set_the_width_where_there_is_no_terminal(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = ("x" * 50, "y" * 150)
    monkeypatch.delenv("COLUMNS", raising=False)
    table(("name", "text"), [row], text={"text": 10})
    say("word " * 60)
    out, err = capsys.readouterr()
    assert "y" * 150 in out and out.count("\n") == 4 and err == "", "a pipe loses nothing"
    monkeypatch.setenv("COLUMNS", columns)
    table(("name", "text"), [row], text={"text": 10})
    say("word " * 60)
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= int(columns)
    assert "…" in out and "--wide shows all" in err


@pytest.mark.parametrize("columns", ["", "0", "wide", "-5"])
def test_columns_that_are_no_width_are_no_limit(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert tables.width() is None


COMMANDS = (
    "techtrade quality atp_world_monthly@2026-11-24.0001",
    "techtrade history ip_trade_annual economy_code=USA year=2020 measure=receipts_usd",
    "techtrade publish partners --source snapshot",
    "techtrade raw expire --older-than 365 --dry-run",
    "techtrade read ip_trade_annual --vintage 2022-12-22 --format csv",
    "techtrade sources check",
    "techtrade show DATASET@VERSION",
)


@pytest.mark.parametrize("command", COMMANDS)
@given(before=st.integers(0, 30), limit=st.integers(30, 120), end=st.sampled_from([".", "", "; then wait", ", or ask"]))
def test_a_command_is_never_broken_over_two_lines(command: str, before: int, limit: int, end: str) -> None:
    told = wrapped("word " * before + f"see: {command}{end}", limit)
    assert any(command in line for line in told)
    assert all(len(line) <= limit or command in line for line in told)


@pytest.mark.parametrize("command", COMMANDS)
@given(before=st.integers(0, 60), after=st.integers(0, 60), most=st.integers(20, 300))
def test_a_text_that_is_shortened_keeps_its_command_whole(command: str, before: int, after: int, most: int) -> None:
    text = "word " * before + command + "; word" * after
    told = shortened(text, most)
    assert command in told
    assert len(told) <= most + len(command) + 3
    assert told == text or "…" in told


@pytest.mark.parametrize("command", COMMANDS)
def test_the_words_after_a_command_are_not_part_of_it(command: str) -> None:
    found = COMMAND.search(f"run {command}, then look")
    assert found is not None and found.group() == command
