from __future__ import annotations

import pytest
import requests
import urllib3
from docker.errors import APIError, DockerException

from clinops.adapters.docker_engine import engine_errors, last_lines, plain
from clinops.errors import EngineError


def test_shows_control_characters_instead_of_obeying_them():
    assert plain(b"\x1b[2Jgone\r\nok\t\x00") == "\\x1b[2Jgone\nok\t\\x00"


def test_shows_characters_that_turn_text_round():
    assert plain("safe\N{RIGHT-TO-LEFT OVERRIDE}efas") == "safe\\u202eefas"


def test_replaces_what_is_no_text():
    assert plain(b"caf\xe9 \xc3\xa9") == "caf\N{REPLACEMENT CHARACTER} é"


def test_keeps_the_last_lines():
    assert last_lines(b"1\n2\n3\n", 2) == "2\n3"
    assert last_lines(b"1\n", 2) == "1"
    assert last_lines(b"", 2) == ""


def test_bounds_a_line_without_end():
    assert len(last_lines("x" * 100_000, 40)) == 16_000


@pytest.mark.parametrize(
    "error",
    [
        APIError("500", explanation="no space left on device"),
        DockerException("broken"),
        requests.exceptions.ReadTimeout("slow"),
        urllib3.exceptions.ProtocolError("cut"),
        ConnectionResetError("reset"),
        TimeoutError("late"),
    ],
)
def test_every_failure_of_the_engine_is_an_engine_error(error: Exception):
    with pytest.raises(EngineError, match="could not look: ") as caught, engine_errors("look"):
        raise error
    assert caught.value.retryable
    assert caught.value.__cause__ is error


def test_an_error_of_ours_is_not_blamed_on_the_engine():
    with pytest.raises(KeyError), engine_errors("look"):
        raise KeyError("ours")
