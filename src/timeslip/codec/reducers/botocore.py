"""Clients of Amazon's services (boto3): made again for the same service, region and configuration.

A client holds the whole description of its service and a class made for it, which is much and is no state.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

_REASON = "a new client for the same service, without handlers of events that were added to it"


def _client(state: Pass, client: Any) -> Any:
    meta = client.meta
    options: dict[str, Any] = {"region_name": meta.region_name}
    if not str(meta.endpoint_url).endswith(".amazonaws.com"):
        options["endpoint_url"] = meta.endpoint_url
    credentials = client._request_signer._credentials
    if getattr(credentials, "method", None) == "explicit":  # others are looked for where they were found
        options["aws_access_key_id"] = credentials.access_key
        options["aws_secret_access_key"] = credentials.secret_key
        options["aws_session_token"] = credentials.token
    settings = dict(getattr(meta.config, "_user_provided_options", {}))
    token = repr(sorted(options.items()))
    return state.resource(client, _REASON, token, make, (meta.service_model.service_name, options, settings))


def make(service: str, options: dict[str, Any], settings: dict[str, Any]) -> Any:
    """A client; nothing is connected before it is used."""
    session, config = import_module("botocore.session").Session(), import_module("botocore.config").Config(**settings)
    return session.create_client(service, config=config, **options)


def find(kind: type) -> Any:
    """The reducer for clients, or None."""
    library = sys.modules.get("botocore.client")
    return _client if library is not None and issubclass(kind, library.BaseClient) else None
