"""The connection to the Temporal server."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from datetime import timedelta
from typing import Any

import temporalio.api.workflowservice.v1 as api
from temporalio.client import Client, Plugin
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfigProfile, ClientConnectConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from .arguments import Arguments
from .failure import WorkerError, one_line
from .logs import event

NEVER_MIND_YET = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.RESOURCE_EXHAUSTED)
"""What a server that starts, or is busy, may answer: it is asked again."""


def connection(arguments: Arguments) -> ClientConnectConfig:
    """Where to connect to, from the environment, the configuration file, and the flags, which go before both.

    Raises:
        WorkerError: The configuration cannot be read.
    """
    flags = {
        "TEMPORAL_ADDRESS": arguments.address,
        "TEMPORAL_NAMESPACE": arguments.namespace,
        "TEMPORAL_API_KEY": arguments.api_key,
        "TEMPORAL_TLS": None if arguments.tls is None else str(arguments.tls).lower(),
    }
    variables = {**os.environ, **{name: value for name, value in flags.items() if value is not None}}
    file = arguments.config_file
    if file is not None and not file.is_file():
        raise WorkerError(f"--config-file {str(file)!r}: there is no such file")
    try:
        profile = ClientConfigProfile.load(arguments.profile, config_source=file, override_env_vars=variables)
        found = profile.to_client_connect_config()
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        raise WorkerError(f"Temporal's client configuration cannot be read: {one_line(error)}") from error
    found.setdefault("target_host", "localhost:7233")
    found.setdefault("namespace", "default")
    return found


async def connect(
    config: ClientConnectConfig,
    plugin: Plugin,
    converter: DataConverter,
    runtime: Runtime,
    *,
    timeout: float,
    namespace_follows: bool = False,
) -> Client:
    """Connect, and see that the namespace is there.

    Args:
        config: Where to.
        plugin: The graphs.
        converter: How values become payloads.
        runtime: The SDK's runtime.
        timeout: Seconds to keep trying for.
        namespace_follows: Whether the server may take a moment until it has its namespace.

    Raises:
        WorkerError: The server cannot be reached in time, or it does not let us in.
    """
    address, namespace = config.get("target_host", ""), config.get("namespace", "")
    event(logging.DEBUG, "connecting", address=address, namespace=namespace)
    deadline = time.monotonic() + timeout
    while True:
        left = max(0.1, deadline - time.monotonic())
        try:
            return await asyncio.wait_for(_try(config, plugin, converter, runtime, left), left)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND and not namespace_follows:
                raise WorkerError(f"the Temporal server at {address!r} has no namespace {namespace!r}") from error
            if error.status not in (*NEVER_MIND_YET, RPCStatusCode.NOT_FOUND):
                raise WorkerError(
                    f"the Temporal server at {address!r} refused to show namespace {namespace!r}: "
                    f"{error.status.name}: {one_line(error)}"
                ) from error
            reason = f"{error.status.name}: {one_line(error)}"
        except (RuntimeError, OSError) as error:  # TimeoutError is an OSError
            reason = one_line(error) or "no answer"
        except ValueError as error:  # an address that is none
            raise WorkerError(f"the Temporal server's address {address!r} cannot be used: {one_line(error)}") from error
        if time.monotonic() + 0.2 > deadline:
            raise WorkerError(
                f"the Temporal server at {address!r} cannot be reached within {timeout:g} s: {reason}. "
                "TEMPORAL_ADDRESS or --address say where it is; --dev starts one"
            )
        await asyncio.sleep(0.2)


async def _try(
    config: ClientConnectConfig, plugin: Plugin, converter: DataConverter, runtime: Runtime, timeout: float
) -> Client:
    options: dict[str, Any] = {**config}
    client = await Client.connect(**options, plugins=[plugin], data_converter=converter, runtime=runtime)
    request = api.DescribeNamespaceRequest(namespace=client.namespace)
    await client.workflow_service.describe_namespace(request, timeout=timedelta(seconds=timeout))
    return client
