"""The command line behind the Makefile: `python -m fanfare_native up`."""

import argparse
import io
import sys
from collections.abc import Sequence

from fanfare_native import demo, report, stack
from fanfare_native.errors import StackError
from fanfare_native.layout import Layout


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when what was asked for is so, 1 when it is not."""
    parser = argparse.ArgumentParser(prog="fanfare_native", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start what does not run, and wait until all is ready")
    start.add_argument("--only", choices=["servers"], help="PostgreSQL, RabbitMQ and Redis, and no service")
    commands.add_parser("flower", help="up, and Flower beside it")
    commands.add_parser("down", help="stop everything")
    commands.add_parser("clean", help="stop everything and remove its data")
    commands.add_parser("status", help="which parts run")
    commands.add_parser("logs", help="follow the parts' logs")
    commands.add_parser("demo", help="up, then a campaign and a folder of photos, their accounts checked")
    run = commands.add_parser("exec", help="run a command with the servers' addresses in its environment")
    run.add_argument("argv", nargs="+", metavar="COMMAND")
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter is no reason to stop
    try:
        layout = Layout.here()
        return _run(layout, options)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(layout: Layout, options: argparse.Namespace) -> int:
    match options.command:
        case "up":
            report.addresses(layout, stack.up(layout, only_servers=options.only == "servers"))
        case "flower":
            stack.up(layout, with_flower=True)
        case "down":
            stack.down(layout)
        case "clean":
            stack.remove(layout)
        case "demo":
            print("starting the fleet", flush=True)
            stack.up(layout)
            return 0 if demo.run(layout) else 1
        case "status":
            return 0 if report.status(layout) else 1
        case "logs":
            return report.follow_logs(layout)
        case "exec":
            return report.execute(layout, options.argv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
