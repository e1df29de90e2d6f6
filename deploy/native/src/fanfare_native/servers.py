"""The servers of the stack, each left out where the user's environment names another to use instead."""

import json

from fanfare_native import postgresql, rabbitmq, redis_server
from fanfare_native.context import Context
from fanfare_native.part import Part
from fanfare_native.programs import EPMD, POSTGRESQL, RABBITMQ, REDIS, Server

DATABASE, BROKER, REDIS_URL = "FANFARE_DATABASE_URL", "FANFARE_BROKER_URL", "FANFARE_REDIS_URL"
MANAGEMENT, PROMETHEUS = "FANFARE_BROKER_MANAGEMENT_URL", "FANFARE_BROKER_PROMETHEUS_URL"
# Each service's own address of the ledger, as JSON: for tests, which give their processes the roles of a real fleet.
SERVICE_DATABASES = "FANFARE_SERVICE_DATABASE_URLS"
ADDRESSES = (DATABASE, BROKER, REDIS_URL, MANAGEMENT, PROMETHEUS)
# No service has a use for these, and they hold the rights of others.
NOT_FOR_SERVICES = (MANAGEMENT, PROMETHEUS, SERVICE_DATABASES)


def needed(context: Context) -> list[Server]:
    """The programs that must be installed."""
    wanted = {DATABASE: [POSTGRESQL], BROKER: [EPMD, RABBITMQ], REDIS_URL: [REDIS]}
    return [server for name, servers in wanted.items() if name not in context.given for server in servers]


def parts(context: Context) -> list[Part]:
    """The private servers, those that hold others up first."""
    found: list[Part] = []
    if DATABASE not in context.given:
        found.append(postgresql.part(context))
    if BROKER not in context.given:
        found.extend(rabbitmq.parts(context))
    if REDIS_URL not in context.given:
        found.append(redis_server.part(context))
    return found


def urls(context: Context) -> dict[str, str]:
    """Where the servers are, the user's own ones included: for the ledger's owner and the broker's administrator."""
    found = {
        DATABASE: context.given.get(DATABASE) or postgresql.url(context),
        REDIS_URL: context.given.get(REDIS_URL) or redis_server.url(context),
    }
    if DATABASE not in context.given:
        found |= {SERVICE_DATABASES: json.dumps(postgresql.urls_of_services(context))}
    if BROKER in context.given:
        return found | {BROKER: context.given[BROKER]}
    return found | {
        BROKER: rabbitmq.url(context),
        MANAGEMENT: rabbitmq.management_url(context),
        PROMETHEUS: rabbitmq.prometheus_url(context),
    }


def urls_of(context: Context, service: str) -> dict[str, str]:
    """The ledger and the broker as one service sees them: with its own role and user where the server is ours."""
    return {
        DATABASE: context.given.get(DATABASE) or postgresql.url(context, service),
        BROKER: context.given.get(BROKER) or rabbitmq.url(context, service),
    }
