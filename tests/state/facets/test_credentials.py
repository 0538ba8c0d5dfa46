"""What looks like a credential, and what does not."""

from __future__ import annotations

import base64
import random
import secrets

import pytest

from timeslip.state.facets.credentials import name_looks_secret, value_looks_secret


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "apikey",
        "HF_TOKEN",
        "MY_SECRET",
        "DB_PASSWORD",
        "PGPASSFILE",
        "MYSQL_PWD",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "BASIC_AUTH",
        "AUTHORIZATION",
        "HTTP_COOKIE",
        "SESSION_ID",
        "SSL_CERT_FILE",
        "PRIVATE_THING",
        "SENTRY_DSN",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AZURE_STORAGE_CONNECTION_STRING",
        "jwt",
        "Passphrase",
        "GITHUB_TOKEN",
        "DB_LOGIN",
    ],
)
def test_secret_names(name: str) -> None:
    assert name_looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "DATA_DIR",
        "GIT_AUTHOR_NAME",
        "OMP_NUM_THREADS",
        "CUDA_VISIBLE_DEVICES",
        "TOKENIZERS_PARALLELISM",
        "DATABASE_URL",
        "HOME",
    ],
)
def test_plain_names(name: str) -> None:
    assert not name_looks_secret(name)


def _synthetic(*parts: str) -> str:
    """Joined at run time, so that no scanner takes this file for a leak."""
    return "".join(parts)


@pytest.mark.parametrize(
    "value",
    [
        _synthetic("sk-", "abc123"),
        _synthetic("ghp", "_0123456789abcdef"),
        _synthetic("github_pat", "_11AAAA"),
        _synthetic("eyJ", "hbGciOiJIUzI1NiJ9.e30.abc"),
        _synthetic("xoxb", "-1-2-abc"),
        _synthetic("AKIA", "IOSFODNN7EXAMPLE"),
        "postgres://me:pw@host/db",
        "https://user:p/w@host",
        "mysql+pymysql://root:x@localhost",
        "https://abc@sentry.example/1",
        "host=h user=u password=p",
        '{"token": "x"}',
        "Bearer abcdefgh",
        "AccountName=a;AccountKey=b",
        "--api-key=x",
        _synthetic("-----", "BEGIN RSA PRIVATE KEY", "-----"),
        "0123456789abcdef0123456789abcdef",
        "123e4567-e89b-12d3-a456-426614174000",
    ],
)
def test_secret_values(value: str) -> None:
    assert value_looks_secret(value)
    assert value_looks_secret(f"prefix {value} suffix")


def test_random_strings_are_secret() -> None:
    generator = random.Random(0)
    missed = 0
    for _ in range(300):
        raw = generator.randbytes(24)
        for text in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), raw.hex()):
            missed += not value_looks_secret(text)
    assert missed <= 9  # one in a hundred: strings that happen to be nearly without digits
    assert value_looks_secret(secrets.token_hex(16))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        "/srv/projects/2024-01-15_experiment_v2/data.csv",
        "expandable_segments:True,max_split_size_mb:128",
        "2024-01-01T00:00:00+00:00",
        "en_US.UTF-8",
        "https://example.org/path?x=1",
        "meta-llama/Llama-3.1-8B-Instruct",
        "false",
        "a long sentence with words in it and some digits 12345",
        "/usr/local/cuda-12.4/lib64:/usr/lib/x86_64-linux-gnu",
        "experiment_2024_run_17_final_version",
        "1.2.3.dev20240101+local",
        "C:\\Users\\anyone\\AppData\\Local\\Programs\\Python311",
    ],
)
def test_plain_values(value: str) -> None:
    assert not value_looks_secret(value)
