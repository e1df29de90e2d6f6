"""The sink for speed: Debian's nginx, one worker, TLS and HTTP/2, answering every POST as FCM would, as fast as it can."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fanfare_native.programs import Server, ensure, program
from fanfare_shared.testing.polling import until
from fanfare_shared.testing.ports import free_port
from harness.fleet import HOST, listens
from harness.processes import Process

NGINX = Server("nginx", ("nginx",))

_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    default_type application/json;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    http2_max_concurrent_streams 1000;
    server {{
        listen {host}:{port} ssl http2;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location / {{ return 200 '{{"name": "projects/demo-project/messages/0:1500415314455276%31bd1c9631bd1c96"}}'; }}
    }}
}}
"""


@dataclass(frozen=True)
class Sink:
    url: str
    process: Process


@contextmanager
def sink(folder: Path, certificate: Path, key: Path) -> Iterator[Sink]:
    """An nginx with the given certificate, on a port of its own."""
    ensure(NGINX)
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(folder=folder, host=HOST, port=port, certificate=certificate, key=key)
    )
    process = Process("sink", [str(program(NGINX, "nginx")), "-c", str(configuration)], {}, folder)
    try:
        until("nginx is up", lambda: listens(port), 10)
        yield Sink(f"https://localhost:{port}", process)
    finally:
        process.kill()
