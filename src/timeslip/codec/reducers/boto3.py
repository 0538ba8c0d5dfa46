"""boto3 and botocore: clients and resources by their service and options, without keys.

Made again, none asks the machine that it runs on for keys: that would be a question to the network.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import xxhash

from timeslip.codec.reducers import secrets

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

_KEYS = ("access_key", "secret_key", "token")
_ASKING = ("iam-role", "container-role", "login", "sso")
"""Providers of keys that ask the network."""


def _client(state: Pass, client: Any) -> Any:
    meta = client.meta
    credentials = getattr(client._request_signer, "_credentials", None)
    is_explicit = getattr(credentials, "method", "") == "explicit"
    keys = [getattr(credentials, name, None) for name in _KEYS] if is_explicit else []
    stands = [secrets.hidden(key) for key in keys]
    options = dict(getattr(meta.config, "_user_provided_options", None) or {})
    secret = [key for key in options if secrets.is_secret(key)]
    options = {key: value for key, value in options.items() if key not in secret and _is_plain(value)}
    where = (meta.service_model.service_name, meta.region_name, str(meta.endpoint_url), meta.service_model.api_version)
    reason = "a client of the same service, without functions that were registered for its events"
    if keys or secret:
        reason += " and without its keys, which are not stored"
    state.keep += (*stands, stands, options)
    token = xxhash.xxh3_128_hexdigest(repr((where, sorted(options.items(), key=str))).encode())
    return state.resource(client, reason, token, make_client, (where, options, stands))


def _is_plain(value: Any) -> bool:
    if type(value) is dict:
        return all(map(_is_plain, value.values()))
    return type(value) in (str, int, float, bool, type(None))


def _session(region: Any, keys: list[Any]) -> Any:
    core = import_module("botocore.session").get_session()
    resolver = core.get_component("credential_provider")
    for name in _ASKING:
        resolver.remove(name)
    boto3 = import_module("boto3")
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    given = {name: key for name, key in zip(names, keys, strict=False) if key is not None}
    return boto3.Session(botocore_session=core, region_name=region, **given)


def make_client(where: tuple[Any, ...], options: dict[str, Any], keys: list[Any]) -> Any:
    """A client. Nothing is asked of the service, or of anybody else."""
    service, region, endpoint, version = where
    config = import_module("botocore.config").Config(**options)
    session = _session(region, keys)
    return session.client(service, region_name=region, endpoint_url=endpoint, api_version=version, config=config)


def _resource(state: Pass, resource: Any) -> Any:
    meta = resource.meta
    identifiers = [getattr(resource, name) for name in meta.identifiers]
    return make_resource, (meta.client, meta.service_name, type(resource).__name__, identifiers)


def make_resource(client: Any, service: str, name: str, identifiers: list[Any]) -> Any:
    """A resource of that client."""
    config = import_module("botocore.config").Config(signature_version=import_module("botocore").UNSIGNED)
    session = _session(client.meta.region_name, [])
    made = session.resource(service, region_name=client.meta.region_name, config=config)
    made.meta.client = client
    return made if name.endswith("ServiceResource") else getattr(made, name.rpartition(".")[2])(*identifiers)


def find(kind: type) -> Any:
    """The reducer for clients, resources and credentials, or None."""
    names = {(base.__module__, base.__name__) for base in kind.__mro__}
    if ("botocore.client", "BaseClient") in names:
        return _client
    if ("boto3.resources.base", "ServiceResource") in names:
        return _resource
    if ("botocore.credentials", "Credentials") in names:
        return secrets.without(kind, lambda name: name.lstrip("_") in _KEYS)
    return None
