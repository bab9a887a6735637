"""What files and libraries say of themselves, made fit to be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portable_dnn.files.text import one_line, printable

ANYTHING = st.text(st.characters(exclude_categories=()))


@given(ANYTHING)
def test_whatever_it_is_it_can_be_shown_in_a_line(text):
    for shown in (printable(text), one_line(text)):
        assert shown.isprintable()
        shown.encode()


@given(ANYTHING.filter(str.isprintable))
def test_what_can_be_shown_stays_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\r\n", r"a\tb\r\n"),
        ("\x1b[2J", r"\x1b[2J"),
        ("cat\u202egnp", r"cat\u202egnp"),  # would turn what follows round
        ("d\udce9.h5", r"d\udce9.h5"),
    ],
)
def test_what_is_shown_instead(text, shown):
    assert printable(text) == shown
