"""What an image's configuration comes to, key by key."""

from __future__ import annotations

import pytest

from clinops.adapters.docker_configuration import configuration_of


def test_tells_everything_that_says_how_an_image_is_run():
    config = {
        "User": "app",
        "WorkingDir": "/srv",
        "Entrypoint": ["/bin/app", "--serve"],
        "Cmd": ["configuration.json"],
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1},
        "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/data": {}},
        "Env": ["LANG=C.UTF-8", "OPTIONS=a=b", "EMPTY="],
        "Labels": {"build": "17"},
    }
    assert configuration_of(config) == {
        "user": "app",
        "working directory": "/srv",
        "entrypoint": '["/bin/app", "--serve"]',
        "command": '["configuration.json"]',
        "health check": '{"Interval": 1, "Test": ["CMD", "true"]}',
        "port 80/tcp": "exposed",
        "volume /data": "declared",
        "environment LANG": "C.UTF-8",
        "environment OPTIONS": "a=b",
        "environment EMPTY": "",
    }


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_leaves_out_what_is_not_set(nothing: object):
    keys = ("User", "Cmd", "Entrypoint", "Healthcheck", "ExposedPorts", "Volumes", "Env")
    assert configuration_of(dict.fromkeys(keys, nothing)) == {}
    assert configuration_of({}) == {}


@pytest.mark.parametrize("name", ["DB_PASSWORD", "ApiKey", "TOKEN", "CLIENT_SECRET"])
def test_tells_secrets_apart_without_giving_them_away(name: str):
    one, other = (configuration_of({"Env": [f"{name}={value}"]}) for value in ("hunter2", "x"))
    assert one != other
    assert list(one) == [f"environment {name}"]
    assert "hunter2" not in str(one)
