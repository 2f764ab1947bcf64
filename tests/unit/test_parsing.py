"""Reading YAML: what is refused before anyone looks at the content, and how problems are told."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, StringConstraints, field_validator

from clinops.domain.environment import Environment
from clinops.domain.manifest import Manifest
from clinops.domain.parsing import MAX_PROBLEMS, parse, parse_with_places
from clinops.domain.value import Document
from clinops.domain.yaml_text import MAX_BYTES
from clinops.errors import BadInputError, Problem


class Inner(Document):
    word: str | None = None


class Plain(BaseModel):
    any: str = ""


class Note(Document):
    text: str = ""
    count: Annotated[int, Field(ge=1, le=9)] = 1
    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.5
    flag: bool = False
    day: dt.date | None = None
    pairs: Annotated[tuple[tuple[str, int], ...], Field(max_length=2)] = ()
    inner: Inner | None = None
    short: Annotated[str, StringConstraints(max_length=3, pattern="^[a-z]*$")] = ""
    by_name: dict[str, Inner] = {}
    nested: list[list[Inner]] = []
    foreign: Plain = Plain()

    @field_validator("text")
    @classmethod
    def _not_forbidden(cls, value: str) -> str:
        if value == "forbidden":
            raise ValueError("this word is forbidden")
        return value


def problems_of(data: str | bytes) -> list[Problem]:
    with pytest.raises(BadInputError) as caught:
        parse("note.yaml", data.encode() if isinstance(data, str) else data, Note)
    assert caught.value.problems
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("data", "line", "what"),
    [
        (b"", 1, "the file is empty"),
        (b"# only a comment\n", 1, "the file is empty"),
        (b"---\n...\n", 1, "the file is empty"),
        (b"- a\n- b\n", 1, "does not hold keys with values"),
        (b"just words", 1, "does not hold keys with values"),
        (b"text: a\ntext: \xff\n", 2, "not UTF-8"),
        (b"text: a\nday: \x1b[31m\n", 2, "control character (U+001B)"),
        ("text: a\n\ninner: \u202e\n".encode(), 3, "control character (U+202E)"),
        (b'text: "\\0"\n', 1, "escape stands for a control character"),
        (b'"a\\x07b": 1\n', 1, "a key is not plain text"),
        (b'"": 1\n', 1, "a key is not plain text"),
        (b"text: a\n? [a, b]\n: c\n", 2, "a key is not plain text"),
        (b"text: a\ncount: 2\ntext: b\n", 3, "the key `text` is given twice"),
        (b"text: a\ninner: &x\n  word: b\n", 2, "anchors and aliases"),
        (b"inner: *x\n", 1, "anchors and aliases"),
        (b"*x : 1\n", 1, "a key is not plain text"),
        (b"inner:\n  <<: {word: a}\n", 2, "merge keys"),
        (b"text: !!python/object:os.system x\n", 1, "a tag"),
        (b"text: !secret x\n", 1, "a tag"),
        (b"!x text: y\n", 1, "a tag"),
        (b"text: a\n---\ntext: b\n", 2, "a second document begins"),
        (b"text: a\n  count: 1\n", 2, "not valid YAML"),
        (b"text: [a\n", 2, "not valid YAML"),
        (b"text: a\n\tcount: 1\n", 2, "not valid YAML"),
        (b"x: " + b"[" * 40 + b"]" * 40, 1, "nested deeper than 30"),
        (b"x: " + b"{a: " * 40 + b"}" * 40, 1, "nested deeper than 30"),
        (b"x: " + b"[" * 100_000, 1, "nested deeper than 30"),
        (b"text: " + b"a" * MAX_BYTES, 1, "larger than 256 KiB"),
    ],
)
def test_refuses_what_should_never_be_in_a_document(data: bytes, line: int, what: str):
    assert any(p.line == line and what in p.what for p in problems_of(data)), problems_of(data)


@pytest.mark.parametrize(
    ("data", "what", "mend"),
    [
        ("text: 1.10", "`text` must be text, not `1.10`", 'put it in quotes: "1.10"'),
        ("text: true", "`text` must be text, not `true`", 'put it in quotes: "true"'),
        ("text:", "`text` must be text, not nothing", "write one line of text"),
        ("text: [a]", "`text` must be text, not a list", "write one line of text"),
        ("text: {a: b}", "`text` must be text, not keys with values", "write one line"),
        ("text: forbidden", "`text` is refused: this word is forbidden", ""),
        ("count: two", "`count` must be a whole number, not `two`", "digits"),
        ("count: 1.5", "`count` must be a whole number, not `1.5`", "digits"),
        ("count: 99999999999999999999", "`count` must be a whole number", "digits"),
        ("count: 0", "`count` must be at least 1", ""),
        ("count: 10", "`count` must be at most 9", ""),
        ("ratio: 0", "`ratio` must be more than 0", ""),
        ("ratio: 1e3", "`ratio` must be less than 1", ""),
        ("ratio: .nan", "`ratio` must be a number, not `.nan`", "digits"),
        ("flag: yes", "`flag` must be true or false, not `yes`", "write `true` or `false`"),
        ("day: soon", "`day` must be a date, not `soon`", "such as 2026-01-31"),
        ("day: 2026-02-30", "`day` must be a date, not `2026-02-30`", "such as 2026-01-31"),
        ("pairs: a", "`pairs` must be a list, not `a`", "`- `"),
        ("pairs: [[a, 1], [b, 2], [c, 3]]", "`pairs` must have at most 2 items", ""),
        ("pairs: [[a, b]]", "`pairs[0][1]` must be a whole number", ""),
        ("inner: a", "`inner` must hold keys with values, not `a`", "`key: value`"),
        ("inner: {wrod: a}", "`inner.wrod` is not a known key", "did you mean `word`?"),
        ("inner: {zzzzz: a}", "`inner.zzzzz` is not a known key", "known are: word"),
        ("by_name: {x: {wrod: a}}", "`by_name.x.wrod` is not a known key", "mean `word`"),
        ("nested: [[{wrod: a}]]", "`nested[0][0].wrod` is not a known key", "mean `word`"),
        ("short: abcd", "`short` must have at most 3 characters", ""),
        ("short: A", "`short` must match the pattern", ""),
    ],
)
def test_says_in_plain_words_what_a_value_must_be(data: str, what: str, mend: str):
    (problem,) = problems_of(data)
    assert what in problem.what
    assert mend in problem.mend
    assert problem.line == 1


def test_tells_all_problems_in_one_go_each_with_its_line():
    data = "text: 1\ncount: two\n\ninner:\n  word: w\n  wrod: x\nflag: *a\ntext: b\n"
    assert [(p.line, p.what.split(" ")[0]) for p in problems_of(data)] == [
        (2, "`count`"),
        (6, "`inner.wrod`"),
        (7, "anchors"),
        (8, "the"),
    ]


def test_does_not_repeat_hostile_text_at_length_or_unprintably():
    (problem,) = problems_of("count: " + "é\u200b" * 5000)
    assert len(problem.what) < 200
    assert "\u200b" not in problem.what


def test_stops_listing_when_nobody_would_read_on():
    problems = problems_of("nested:\n" + "- x\n" * (MAX_PROBLEMS + 50))
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1].what == "50 more problems are not listed"


def test_reads_yaml_1_2_where_yes_is_a_word_and_010_is_ten():
    note = parse("n", b"\xef\xbb\xbftext: yes\ncount: 008\nratio: .25\nshort: 'no'\n", Note)
    assert (note.text, note.count, note.ratio, note.short) == ("yes", 8, 0.25, "no")


def test_takes_a_date_with_and_without_quotes():
    assert parse("n", b"day: 2026-01-31", Note) == parse("n", b'day: "2026-01-31"', Note)


def test_takes_core_tags_and_block_text_and_windows_line_ends():
    note = parse("n", b"text: !!str 1.10\r\nshort: |-\r\n  abc\r\ncount: !!int '3'\r\n", Note)
    assert (note.text, note.short, note.count) == ("1.10", "abc", 3)


def test_finds_the_line_of_a_value_and_of_the_nearest_thing_around_it():
    parsed = parse_with_places("n", b"\ninner:\n  word: w\n", Note)
    assert parsed.problem(("inner", "word"), "x") == Problem("n", 3, "x")
    assert parsed.problem(("inner", "gone"), "x", "y") == Problem("n", 2, "x", "y")
    assert parsed.problem(("gone",), "x").line == 2


def test_says_how_many_problems_there_are():
    with pytest.raises(BadInputError, match=r"^note has 2 problems$"):
        parse("note", b"count: a\nflag: b\n", Note)
    with pytest.raises(BadInputError, match=r"^note has 1 problem$"):
        parse("note", b"count: a\n", Note)


def test_does_not_explode_on_aliases_of_aliases():
    letters = itertools.pairwise("abcdef")
    bomb = "".join(f"{here}: &{here} [{f'*{last},' * 9}]\n" for last, here in letters)
    assert all(p.line <= 6 for p in problems_of(f"a: &a x\n{bomb}"))


YAMLISH = st.text(
    alphabet=st.sampled_from(list("abkv:- \n\t{}[]&*!|>'\"#%@?,<0123456789.~\\\x00\u2028é")),
    max_size=200,
)


def problems_with(data: bytes, model: type[Document]) -> tuple[Problem, ...] | None:
    try:
        parse("any.yaml", data, model)
    except BadInputError as error:
        return error.problems
    return None


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | YAMLISH.map(lambda text: text.encode()))
def test_never_raises_anything_but_bad_input_on_any_bytes(data: bytes):
    for model in (Manifest, Environment):
        problems = problems_with(data, model)
        assert problems
        assert all(problem.line >= 1 and problem.what for problem in problems)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KEYS = st.sampled_from([*Manifest.model_fields, "schema", "x-clinops", "services", "volumes"])


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, VALUES))
def test_never_raises_anything_but_bad_input_on_any_values(data: dict[str, object]):
    import yaml

    text = yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass")
    for model in (Manifest, Environment):
        with pytest.raises(BadInputError) as caught:
            parse("any.yaml", text, model)
        assert caught.value.problems
