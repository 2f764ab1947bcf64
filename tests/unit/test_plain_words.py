"""The words that terminal, pages and report share, and what foreign text may do among them."""

from __future__ import annotations

from typing import get_args

import pytest
from markupsafe import Markup

from clinops.adapters.escaping import escaping_templates
from clinops.domain.hazard import Likelihood, Score, Severity
from clinops.domain.manifest import Manifest, Rollback
from clinops.domain.plain_words import CHANGE_KINDS, RISK_CLASSES, ROLLBACKS, count, harmless


def test_every_kind_of_change_and_every_way_back_has_its_words():
    assert set(CHANGE_KINDS) == set(get_args(Manifest.model_fields["kind"].annotation))
    assert set(ROLLBACKS) == set(get_args(Rollback.model_fields["strategy"].annotation))


def test_every_class_of_risk_has_its_words():
    scores = [Score(severity=one, likelihood=two) for one in Severity for two in Likelihood]
    assert set(RISK_CLASSES) == {score.risk_class for score in scores}


def test_keeps_ordinary_letters_of_every_script():
    assert harmless("Muñoz 山田\tµmol/L\nnext") == "Muñoz 山田    µmol/L\nnext"


@pytest.mark.parametrize("letter", ["\x00", "\x1b", "\r", "\x85", "\u2028", "\u200b", "\u202e"])
def test_shows_letters_that_move_hide_or_reorder_as_replaced(letter):
    assert harmless(f"a{letter}b") == "a\ufffdb"


def test_writes_a_number_with_its_noun():
    assert [count(1, "test"), count(1200, "test")] == ["1 test", "1,200 tests"]
    assert [count(1, "is", "are"), count(0, "is", "are")] == ["1 is", "0 are"]


class TestEscapingTemplates:
    @staticmethod
    def rendered(value: object, longest: int | None = None) -> str:
        templates = escaping_templates("clinops.gatehouse", longest)
        return templates.from_string("{{ value }}").render(value=value)

    def test_makes_markup_and_hidden_letters_of_foreign_text_visible(self):
        assert self.rendered("<b>\u202e") == "&lt;b&gt;\ufffd"

    def test_lets_markup_of_our_own_through(self):
        assert self.rendered(Markup("<b>bold</b>")) == "<b>bold</b>"

    def test_says_where_a_long_text_is_cut(self):
        assert self.rendered("abc", longest=2) == "ab … (cut)"
        assert self.rendered("abc", longest=3) == "abc"
        assert self.rendered("a" * 100_000) == "a" * 100_000
