"""The command line: `fcm-simulator serve` and `fcm-simulator credentials`."""

import argparse
import json
import logging
import sys
from pathlib import Path

from fcm_simulator.server import ListenError, serve
from fcm_simulator.service_accounts import ServiceAccounts, UnknownProjectError
from fcm_simulator.simulator import Ports


def main() -> None:
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    try:
        arguments.run(arguments)
    except (ListenError, UnknownProjectError) as reason:
        sys.exit(f"fcm-simulator: {reason}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fcm-simulator", description="A scriptable Firebase Cloud Messaging server.")
    commands = parser.add_subparsers(required=True)

    server = commands.add_parser("serve", help="serve until SIGTERM")
    server.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    server.add_argument("--port", type=int, default=9443, help="the plain listener (default: %(default)s)")
    server.add_argument("--fault-port", type=int, default=9444, help="the fault listener (default: %(default)s)")
    server.add_argument("--max-streams", type=int, default=100, help="HTTP/2 streams a connection (default: FCM's 100)")
    _add_state(server)
    server.set_defaults(run=_serve)

    credentials = commands.add_parser("credentials", help="print a service account's JSON")
    credentials.add_argument("--project", default="demo", help="project id (default: %(default)s)")
    credentials.add_argument("--token-uri", default="https://localhost:9443/token", help="default: %(default)s")
    _add_state(credentials)
    credentials.set_defaults(run=_credentials)
    return parser


def _add_state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="folder for certificates and keys")


def _serve(arguments: argparse.Namespace) -> None:
    serve(arguments.host, Ports(arguments.port, arguments.fault_port), arguments.state, arguments.max_streams)


def _credentials(arguments: argparse.Namespace) -> None:
    account = ServiceAccounts(arguments.state).credentials(arguments.project, arguments.token_uri)
    print(json.dumps(account, indent=2))  # noqa: T201 - this command's output
