"""What PostgreSQL, RabbitMQ and Redis cost meanwhile: CPU seconds of whoever listens on their ports."""

from urllib.parse import urlsplit

import psutil

from fanfare_shared.testing.environment import ServerAddresses


def server_cpu(addresses: ServerAddresses) -> dict[str, float]:
    """CPU seconds so far by server, its children (also those that ended) included."""
    urls = {
        "PostgreSQL": addresses.database_url,
        "RabbitMQ": addresses.broker_url,
        "Redis": addresses.redis_url,
    }
    return {name: _cpu_of_listener(urlsplit(url.get_secret_value()).port or 0) for name, url in urls.items()}


def _cpu_of_listener(port: int) -> float:
    pids = {
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr
        and connection.laddr.port == port
        and connection.pid
    }
    return sum(_cpu(psutil.Process(pid)) for pid in pids)


def _cpu(process: psutil.Process) -> float:
    own = process.cpu_times()
    seconds = own.user + own.system + own.children_user + own.children_system
    for child in process.children():
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system
    return float(seconds)
