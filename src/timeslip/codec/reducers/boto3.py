"""boto3 and botocore: sessions, clients and resources by their service and options, without keys.

Who a client acts for is never another one than before. Keys that were given are hidden as any secret. Those that were
found in a file or in the environment are found there again, by a digest of their name; keys that a service has to be
asked for are not asked for, so what has such is not stored.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from hashlib import blake2b
from importlib import import_module
from typing import TYPE_CHECKING, Any

import xxhash

from timeslip.codec.hidden import Hidden
from timeslip.codec.reducers import secrets

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_KEYS = ("access_key", "secret_key", "token")
_LASTING = ("env", "shared-credentials-file", "config-file", "boto-config", "ec2-credentials-file")
"""Ways to find keys that ask nobody."""
_OF_PROFILE = ("assume-role", "assume-role-with-web-identity", "sso", "login", "custom-process")
"""Ways to fetch keys that a profile decides on."""
_OWN = ("botocore", "boto3", "s3transfer", "awscrt")
_FETCHED = "whose keys are fetched when they are needed cannot be stored: it might come back with those of others"
_WITHOUT = "without its keys, which are not stored"


# ---- who it is


def _who(credentials: Any) -> tuple[Any, ...] | None:
    """What tells whose *credentials* these are, without secrets; None where only a service can tell."""
    method = "" if credentials is None else getattr(credentials, "method", "")
    if credentials is None or method == "explicit":
        return ("given", [secrets.hidden(getattr(credentials, name, None)) for name in _KEYS])
    return ("found", _digest(credentials.access_key)) if method in _LASTING else None


def _digest(key: Any) -> str:
    return blake2b(str(key).encode(), digest_size=16, person=b"timeslip aws").hexdigest()


def _core(region: Any, who: tuple[Any, ...]) -> Any:
    """A session of botocore that acts for *who*, and would ask nobody for keys."""
    core = import_module("botocore.session").get_session()
    resolver = core.get_component("credential_provider")
    kept = _LASTING if who[0] == "found" else ()
    resolver.providers = [one for one in resolver.providers if one.METHOD in kept]
    if who[0] == "given":
        if who[1][0] is not None:
            core.set_credentials(*who[1])
    elif not _is_found(core.get_credentials(), who[1]):
        core = _with_profile(who[1])
    if region is not None:
        core.set_config_variable("region", region)
    return core


def _is_found(credentials: Any, digest: str) -> bool:
    return credentials is not None and _digest(credentials.access_key) == digest


def _with_profile(digest: str) -> Any:
    for name in import_module("botocore.session").get_session().available_profiles:
        core = import_module("botocore.session").Session(profile=name)
        resolver = core.get_component("credential_provider")
        resolver.providers = [one for one in resolver.providers if one.METHOD in _LASTING]
        if _is_found(core.get_credentials(), digest):
            return core
    raise LookupError("its keys are found neither in the environment nor in a profile any more")


# ---- who listens


def _handlers(emitter: Any) -> list[tuple[str, int, Any]]:
    """What others than the library itself registered for events: event, place and function."""
    emitter = getattr(emitter, "_emitter", emitter)
    root = getattr(getattr(emitter, "_handlers", None), "_root", None)
    return list(_listening(root, ())) if root is not None else []


def _listening(node: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, int, Any]]:
    path = (*path, node["chunk"]) if node["chunk"] else path
    for section, handlers in enumerate(node["values"] or ()):
        yield from ((".".join(path), section, one) for one in handlers if not _is_own(one))
    for child in node["children"].values():
        yield from _listening(child, path)


def _is_own(handler: Any) -> bool:
    while hasattr(handler, "func"):
        handler = handler.func
    module = getattr(handler, "__module__", None) or type(handler).__module__
    return str(module).partition(".")[0] in _OWN


def _register(emitter: Any, handlers: list[tuple[str, int, Any]]) -> None:
    names = ("register_first", "register", "register_last")
    for event, section, handler in handlers:
        getattr(emitter, names[section])(event, handler)


def _told(*parts: Any) -> str:
    """A token; secrets have names of their own in it."""
    return xxhash.xxh3_128_hexdigest(repr(parts).encode("utf-8", "backslashreplace"))


# ---- clients and resources


def _client(state: Pass, client: Any) -> Any:
    meta = client.meta
    who = _who(getattr(client._request_signer, "_credentials", None))
    if who is None:
        return state.hole(client, f"a client {_FETCHED}", Hidden("", False))
    stands: list[secrets.Secret] = []
    options: dict[str, Any] = dict(getattr(meta.config, "_user_provided_options", None) or {})
    options = {key: secrets.veiled(value, stands, key) for key, value in options.items() if _is_plain(value)}
    where = (meta.service_model.service_name, meta.region_name, str(meta.endpoint_url), meta.service_model.api_version)
    verify = getattr(getattr(getattr(client, "_endpoint", None), "http_session", None), "_verify", True)
    handlers = _handlers(meta.events)
    functions = [one for one in handlers if type(one[2]) is types.FunctionType]  # methods may hold the client itself
    reason = "a client of the same service"
    if len(functions) < len(handlers):
        reason += ", without the methods and objects that listen to it"
    if stands or _has_keys(who):
        reason += f", {_WITHOUT}"
    more = {"who": who, "verify": verify, "handlers": functions}
    state.keep += (who, *who, options, *options.values(), stands, more, functions, *handlers)
    token = _told(where, sorted(options.items(), key=str), who, verify, [(*one[:2], id(one[2])) for one in handlers])
    return state.resource(client, reason, token, make_client, (where, options, [], more))


def _has_keys(who: tuple[Any, ...]) -> bool:
    return bool(who[0] == "found" or who[1][0] is not None)


def _is_plain(value: Any) -> bool:
    if type(value) is dict:
        return all(map(_is_plain, value.values()))
    return type(value) in (str, int, float, bool, type(None))


def make_client(where: tuple[Any, ...], options: dict[str, Any], keys: list[Any], more: Any = None) -> Any:
    """A client. Nothing is asked of the service, or of anybody else.

    Args:
        where: service, region, address and release of the service.
        options: of its configuration.
        keys: that were given, as the first releases stored them.
        more: whose client it is, whether certificates are verified, and who listens to it.
    """
    service, region, endpoint, version = where
    config = import_module("botocore.config").Config(**options)
    more = more or {"who": ("given", [*keys, None, None, None][:3]), "verify": None, "handlers": ()}
    session = import_module("boto3").Session(botocore_session=_core(region, more["who"]))
    given = {"region_name": region, "endpoint_url": endpoint, "api_version": version, "config": config}
    client = session.client(service, verify=more["verify"], **given)
    _register(client.meta.events, more["handlers"])
    return client


def _resource(state: Pass, resource: Any) -> Any:
    meta = resource.meta
    identifiers = [getattr(resource, name) for name in meta.identifiers]
    state.keep.append(identifiers)
    arguments = (meta.client, meta.service_name, type(resource).__name__, identifiers)
    return make_resource, arguments, (meta.data,), None, None, set_resource


def make_resource(client: Any, service: str, name: str, identifiers: list[Any]) -> Any:
    """A resource of that client."""
    config = import_module("botocore.config").Config(signature_version=import_module("botocore").UNSIGNED)
    session = import_module("boto3").Session(botocore_session=_core(client.meta.region_name, ("given", [None] * 3)))
    made = session.resource(service, region_name=client.meta.region_name, config=config)
    made.meta.client = client
    return made if name.endswith("ServiceResource") else getattr(made, name.rpartition(".")[2])(*identifiers)


def set_resource(resource: Any, parts: tuple[Any]) -> None:
    """State setter for resources: what the service said of it when it was asked last."""
    resource.meta.data = parts[0]


# ---- sessions


def _core_session(state: Pass, core: Any) -> Any:
    """A session of botocore: it holds all profiles of all files in clear, so it is made of what was said to it."""
    credentials = core._credentials
    who = _who(credentials) if credentials is not None else ("later",)
    given: dict[str, Any] = dict(core._session_instance_vars)
    if who is None:
        if getattr(credentials, "method", "") not in _OF_PROFILE or not given.get("profile") or _is_users(credentials):
            return state.hole(core, f"a session {_FETCHED}", Hidden("", False))
        who = ("later",)
    providers = getattr(core._components._components.get("credential_provider"), "providers", ())
    if not all(map(_is_own, providers)):
        return state.hole(core, "a session with a way of its own to find keys cannot be stored", Hidden("", False))
    stands: list[secrets.Secret] = []
    given = {name: secrets.veiled(value, stands, name) for name, value in given.items()}
    agent = (core.user_agent_name, core.user_agent_version, core.user_agent_extra)
    handlers = _handlers(core._events)
    functions = [one for one in handlers if type(one[2]) is types.FunctionType]
    more = {"profile": core.get_config_variable("profile"), "agent": agent, "handlers": functions}
    more["config"] = core._client_config
    state.keep += (who, *who[1:], given, stands, more, agent, functions, *handlers)
    token = _told(
        sorted(given.items()), who, more["profile"], id(core._client_config), [id(one[2]) for one in handlers]
    )
    reason = "a session with the same profile and options"
    if len(functions) < len(handlers):
        reason += ", without the methods and objects that listen to it"
    if who[0] == "found" or stands or who[0] == "given":
        reason += f", {_WITHOUT}"
    return state.resource(core, reason, token, make_core, (given, who, more))


def _is_users(credentials: Any) -> bool:
    return not _is_own(getattr(credentials, "_refresh_using", None))


def make_core(given: dict[str, Any], who: tuple[Any, ...], more: dict[str, Any]) -> Any:
    """A session of botocore.

    Args:
        given: variables that were set on it.
        who: whose keys it has, or ("later",).
        more: the profile in effect, how it calls itself, its usual configuration, and who listens.
    """
    core = import_module("botocore.session").get_session()
    for name, value in given.items():
        core.set_config_variable(name, value)
    profile = core.get_config_variable("profile")
    if profile != more["profile"]:
        raise LookupError(f"it was of the profile {more['profile']}, and would be of {profile} now")
    if who[0] == "given":
        core.set_credentials(*who[1])
    elif who[0] == "found":
        resolver = core.get_component("credential_provider")
        providers = resolver.providers
        resolver.providers = [one for one in providers if one.METHOD in _LASTING]
        if not _is_found(core.get_credentials(), who[1]):
            raise LookupError("its profile has other keys by now")
        resolver.providers = providers
    core.user_agent_name, core.user_agent_version, core.user_agent_extra = more["agent"]
    if more["config"] is not None:
        core.set_default_client_config(more["config"])
    _register(core._events, more["handlers"])
    return core


_MADE = ("_session", "resource_factory", "_loader")


def _session(state: Pass, session: Any) -> Any:
    rest = {name: value for name, value in vars(session).items() if name not in _MADE}
    return make_session, (type(session), session._session), (rest,), None, None, set_session


def make_session(kind: Any, core: Any) -> Any:
    """A session of boto3 over one of botocore."""
    made = object.__new__(kind)
    import_module("boto3").Session.__init__(made, botocore_session=core)
    return made


def set_session(session: Any, parts: tuple[dict[str, Any]]) -> None:
    """State setter for sessions: what the user's own class keeps in them."""
    vars(session).update(parts[0])


# ---- keys


def _fetcher(state: Pass, fetcher: Any) -> Any:
    return state.hole(fetcher, "what fetches keys from a service cannot be stored", Hidden("", False))


def find(kind: type) -> Any:
    """The reducer for sessions, clients, resources and credentials, or None."""
    names = {(base.__module__, base.__name__) for base in kind.__mro__}
    for name, reducer in _REDUCERS.items():
        if name in names:
            return reducer
    if kind.__name__ in ("ReadOnlyCredentials", "FrozenAuthToken"):
        return secrets.without_fields(kind, _KEYS)
    if ("botocore.credentials", "Credentials") in names:
        return secrets.without(kind, lambda name: name.lstrip("_") in _KEYS)
    if ("botocore.config", "Config") in names:
        return secrets.without_logins(kind, ("proxies", "proxies_config", "_user_provided_options", "user_agent_extra"))
    if kind.__module__ == "botocore.credentials" and kind.__name__.endswith("Fetcher"):
        return _fetcher
    return None


_REDUCERS: dict[tuple[str, str], Any] = {
    ("botocore.client", "BaseClient"): _client,
    ("boto3.resources.base", "ServiceResource"): _resource,
    ("botocore.session", "Session"): _core_session,
    ("boto3.session", "Session"): _session,
}
