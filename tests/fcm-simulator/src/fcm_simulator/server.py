"""The process: both listeners on one event loop, until SIGTERM or SIGINT."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import uvloop
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP2Settings
from granian.log import LogLevels
from granian.server.embed import Server

from fcm_simulator.app import App
from fcm_simulator.certificates import Certificates
from fcm_simulator.service_accounts import ServiceAccounts
from fcm_simulator.simulator import Ports, Simulator
from fcm_simulator.wire.listener import FaultListener, server_context

_STREAM_WINDOW = 1 << 20
_STOP_SECONDS = 1.0
_BACKLOG = 1024
_MAX_IN_FLIGHT = 1_000_000

logger = logging.getLogger("fcm_simulator")


class ListenError(OSError):
    """An address or port that cannot be listened on, taken by another process for example."""


def serve(host: str, ports: Ports, state_folder: Path, max_streams: int) -> None:
    """Serves until a signal. `max_streams` is the number of concurrent streams a connection may have.

    Raises ListenError when it cannot listen there.
    """
    address = _resolve(host)
    for port in ports:
        _ensure_free(address, port)
    certificates = Certificates(state_folder)
    certificates.ensure(host)
    simulator = Simulator(ServiceAccounts(state_folder), ports)
    uvloop.run(_serve(simulator, address, ports, certificates, max_streams))
    # Streams that are never answered would hold up an orderly end of the threads below Python.
    sys.stdout.flush()
    os._exit(0)


async def _serve(
    simulator: Simulator, address: str, ports: Ports, certificates: Certificates, max_streams: int
) -> None:
    server = Server(
        App(simulator),
        address=address,
        port=ports.plain,
        interface=Interfaces.RSGI,
        http=HTTPModes.auto,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=_MAX_IN_FLIGHT,
        http2_settings=HTTP2Settings(
            max_concurrent_streams=max_streams,
            initial_stream_window_size=_STREAM_WINDOW,
            initial_connection_window_size=16 * _STREAM_WINDOW,
        ),
        ssl_cert=certificates.certificate_file,
        ssl_key=certificates.key_file,
        ssl_protocol_min=SSLProtocols.tls12,
        log_level=LogLevels.error,
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    faults = FaultListener(simulator, address, ports.fault, server_context(certificates))
    await faults.follow(simulator.script)
    simulator.followers.append(faults.follow)
    serving = asyncio.create_task(server.serve())
    logger.info("serving on %s: port %d, faults on port %d", address, *ports)
    await asyncio.wait({serving, asyncio.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
        raise ListenError("the plain listener ended by itself")
    faults.close()
    server.stop()  # type: ignore[no-untyped-call]  # granian's own signal handler, without annotations
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(serving, _STOP_SECONDS)


def _resolve(host: str) -> str:
    """The first address of a host's name."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as reason:
        raise ListenError(f"cannot listen on {host}: {reason.strerror}") from reason


def _ensure_free(address: str, port: int) -> None:
    """The server below shares a port with others of its kind, so whether it is free is asked first."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as reason:
        raise ListenError(f"cannot listen on {address} port {port}: {reason.strerror}") from reason
