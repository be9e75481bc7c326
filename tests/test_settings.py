"""Settings: every one documented, every mistake told with its variable and its fix."""

from pathlib import Path

import pytest

from services.settings import Settings, SettingsError, load_settings, unknown_variables, variable_name


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(variable_name(field), raising=False)


def test_nothing_need_be_set() -> None:
    settings = load_settings()
    assert (settings.database_url, settings.host, settings.port, settings.log) == (None, "127.0.0.1", 8080, "postgres")
    assert settings.skew_bound_seconds == 0


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_described(field: str) -> None:
    description = Settings.model_fields[field].description or ""
    assert description.endswith(".")
    units = {"_seconds": "second", "_bytes": "bytes", "_chars": "characters"}
    for ending, unit in units.items():
        if field.endswith(ending):
            assert unit in description


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ZHUISU_PORT": "99999"}, r"ZHUISU_PORT: .*'99999'.* TCP port"),
        ({"ZHUISU_DATABASE_URL": "mysql://me:hidden@x/y"}, r"ZHUISU_DATABASE_URL: .*postgresql://"),
        ({"ZHUISU_LOG": "kafka"}, "ZHUISU_KAFKA_BOOTSTRAP_SERVERS"),
        ({"ZHUISU_KAFKA_REPLICATION_FACTOR": "1"}, "ZHUISU_KAFKA_MIN_INSYNC_REPLICAS=2 is more"),
        ({"ZHUISU_HEARTBEAT_SECONDS": "9"}, "at most half of ZHUISU_PROJECTOR_LEASE_SECONDS"),
        ({"ZHUISU_API_POOL_MAX_CONNECTIONS": "1"}, "ZHUISU_API_POOL_MIN_CONNECTIONS"),
    ],
)
def test_a_mistake_names_its_variable(variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message) as caught:
        load_settings()
    assert "hidden" not in str(caught.value)


def test_what_the_caller_gives_wins_and_none_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHUISU_PORT", "9000")
    assert load_settings(port=None, data_dir=Path("/x")).port == 9000
    assert load_settings(port=1234).port == 1234


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHUISU_DATABASE_URL", "")
    assert load_settings().database_url is None


def test_a_misspelt_variable_is_told_with_what_was_meant() -> None:
    assert unknown_variables({"ZHUISU_PROT": "1", "ZHUISU_PORT": "1", "ZHUISU_REQUIRE": "kafka", "PATH": ""}) == {
        "ZHUISU_PROT": "ZHUISU_PORT"
    }


@pytest.mark.parametrize("url", ["postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"])
def test_urls_as_other_tools_write_them_are_taken(url: str) -> None:
    assert load_settings(database_url=url).database_url == "postgresql://u:p@h/d"


def test_secrets_are_not_shown() -> None:
    shown = repr(load_settings(database_url="postgresql://u:hidden@h/d", bootstrap_key="hidden-too"))
    assert "hidden" not in shown
