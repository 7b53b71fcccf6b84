# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest

from core.settings import Settings


def test_defaults_are_private_and_embedded():
    settings = Settings.from_args([], env={"XDG_CACHE_HOME": "/cache"})
    assert (settings.host, settings.port, settings.profile, settings.device) == ("127.0.0.1", 7860, "embedded", "auto")
    assert settings.on_loopback
    assert settings.galleries == "/cache/vlm-lab/galleries"


def test_galleries_are_kept_nowhere_by_default_where_strangers_can_come():
    assert Settings.from_args(["--host", "0.0.0.0"], env={}).galleries == ""
    space = Settings.from_args([], env={"SPACE_ID": "someone/lab"})
    assert (space.host, space.on_loopback, space.galleries) == ("0.0.0.0", False, "")


def test_flags_from_the_environment_stand_before_those_of_the_command():
    env = {"SPACE_ID": "someone/lab", "VLM_LAB_FLAGS": "--galleries '/data/my galleries' --runs /data/runs --port 1"}
    settings = Settings.from_args(["--port", "2"], env=env)
    assert (settings.galleries, settings.pictures) == ("/data/my galleries", "/data/my galleries/pictures")
    assert (settings.runs, settings.port) == (Path("/data/runs"), 2)


def test_admin_is_on_where_nobody_else_comes_or_a_password_is_set():
    def started(*flags, **env):
        return Settings.from_args(list(flags), env=env)

    assert started().admin_on
    assert started("--host", "0.0.0.0", VLM_LAB_ADMIN="secret").admin_on
    assert started(SPACE_ID="someone/lab", VLM_LAB_ADMIN="secret").admin_on
    assert "VLM_LAB_ADMIN holds no password" in started("--host", "0.0.0.0").why_no_admin
    assert "VLM_LAB_ADMIN holds no password" in started(SPACE_ID="someone/lab").why_no_admin
    assert "ZeroGPU" in started(SPACES_ZERO_GPU="true", VLM_LAB_ADMIN="secret").why_no_admin


def test_settings_can_be_printed():
    assert "secret" not in repr(Settings.from_args([], env={"VLM_LAB_ADMIN": "secret"}))


def test_runs_are_kept_where_there_is_an_admin():
    def started(*flags, **env):
        return Settings.from_args(list(flags), env={"XDG_CACHE_HOME": "/cache", **env}).runs

    assert started() == Path("/cache/vlm-lab/runs")
    assert started("--host", "0.0.0.0") is None
    assert started("--host", "0.0.0.0", VLM_LAB_ADMIN="secret") == Path("/cache/vlm-lab/runs")
    assert started("--runs", "/here", "--host", "0.0.0.0") == Path("/here")


def test_figures_measured_here_are_kept_where_strangers_do_not_fill_the_disk():
    def started(*flags, **env):
        return Settings.from_args(list(flags), env={"XDG_CACHE_HOME": "/cache", **env}).figures

    assert started() == Path("/cache/vlm-lab/figures")
    assert started("--host", "0.0.0.0") is None
    assert started("--host", "0.0.0.0", VLM_LAB_ADMIN="secret") == Path("/cache/vlm-lab/figures")
    assert started("--figures", "/here", "--host", "0.0.0.0") == Path("/here")


@pytest.mark.parametrize(
    ("env", "home"),
    [
        ({"XDG_CACHE_HOME": "/cache"}, "/cache/vlm-lab"),
        ({"XDG_CACHE_HOME": ""}, "/home/me/.cache/vlm-lab"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/me/.cache/vlm-lab"),
        ({}, "/home/me/.cache/vlm-lab"),
    ],
)
def test_all_that_is_kept_by_default_lies_in_the_users_cache(env, home, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    settings = Settings.from_args([], env=env)
    assert (settings.galleries, settings.pictures) == (f"{home}/galleries", f"{home}/galleries/pictures")
    assert settings.runs == Path(home, "runs")
    remote = Settings.from_args(["--galleries", "s3://bucket/place"], env=env)
    assert (remote.galleries, remote.pictures) == ("s3://bucket/place", f"{home}/pictures")
    assert Settings.from_args(["--galleries", "/here"], env=env).pictures == "/here/pictures"


def test_visitors_are_told_apart_behind_the_proxy_of_a_space_and_nowhere_else_by_default():
    assert Settings.from_args([], env={}).trust_proxy == ""
    assert Settings.from_args(["--host", "0.0.0.0"], env={}).trust_proxy == ""
    assert "10.0.0.0/8" in Settings.from_args([], env={"SPACE_ID": "someone/lab"}).trust_proxy
    assert Settings.from_args(["--trust-proxy", "10.1.2.3"], env={"SPACE_ID": "someone/lab"}).trust_proxy == "10.1.2.3"


def test_strangers_may_upload_so_much_and_the_owner_as_he_likes():
    assert Settings.from_args([], env={}).upload_quota_mb is None
    assert Settings.from_args(["--host", "0.0.0.0"], env={}).upload_quota_mb == 2000
    assert Settings.from_args(["--upload-quota-mb", "5"], env={}).upload_quota_mb == 5


def test_names_of_hosts_are_gathered():
    settings = Settings.from_args(["--allow-host", "a.example", "--allow-host", "b.example"], env={})
    assert settings.host_names[-2:] == ("a.example", "b.example")
    assert "localhost" in settings.host_names
