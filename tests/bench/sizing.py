"""What a million pushes and a million images cost the servers and the workers: the figures that docs/sizing.md goes by.

Nothing is to be reached here, so no figure is returned. Less than a million is sent, and what was measured is scaled up.
"""

from collections import Counter

from bench.campaigns import Campaign, measure, tokens
from bench.context import UNBOUNDED_QUOTA, Bench
from bench.held import Held, connections, held
from bench.images import jobs
from bench.images.sources import LARGE, MIDDLE, fill, write_photos
from bench.report import Figure, table
from bench.servers import server_cpu
from fanfare_shared.contracts.words import Lane
from harness.fleet import Fleet

_MILLION = 1_000_000
_DEVICES = 300_000
_LATENCY_MS = 80
_IMAGES = {MIDDLE: 1_000, LARGE: 200}
_PROCESSES = 2
_KINDS = ("api", "orchestrator", "push-worker", "image-worker")


def run(bench: Bench) -> list[Figure]:
    with bench.fleet("sizing") as fleet:
        fleet.simulator.script(latency={"ms": _LATENCY_MS})
        fleet.start_api()
        fleet.start_orchestrator()
        fleet.start_push_worker("normal", concurrency=_PROCESSES)
        worker = fleet.start_image_worker(Lane.BULK, concurrency=_PROCESSES)
        _pushes(bench, fleet)
        for photo, count in _IMAGES.items():
            files = write_photos(photo, bench.folder / "photos", 4)
            jobs.measure(fleet, worker, fill(fleet, files, 50, f"warm-{photo.width}"), preset="default")
            folder = fill(fleet, files, count, f"measured-{photo.width}")
            before, cpu, usage = held(bench, fleet), server_cpu(bench.servers), worker.usage().cpu_seconds
            job = jobs.measure(fleet, worker, folder, preset="default")
            after = server_cpu(bench.servers)
            _images(photo.name, job, held(bench, fleet) - before, {name: after[name] - cpu[name] for name in cpu})
            print(f"  image-worker CPU in all: {worker.usage().cpu_seconds - usage:.1f} s\n")
        _connections(connections(bench, fleet))
    return []


def _pushes(bench: Bench, fleet: Fleet) -> None:
    app = fleet.client.create_app(fleet.credentials, UNBOUNDED_QUOTA)
    empty = held(bench, fleet)
    fleet.client.import_devices(app, tokens(_DEVICES))
    imported = held(bench, fleet)
    measure(fleet, bench.servers, app, _DEVICES)  # the first one makes the connections, and is not counted
    before = held(bench, fleet)
    campaign = measure(fleet, bench.servers, app, _DEVICES)
    cost = held(bench, fleet) - before
    table(
        f"A million devices: {_DEVICES:,} imported, scaled",
        ("", "MB"),
        [
            ("devices, with their indexes", _megabytes((imported - empty).devices, _DEVICES)),
            ("WAL of the import", _megabytes((imported - empty).wal, _DEVICES)),
        ],
    )
    _campaign(campaign, cost)


def _campaign(campaign: Campaign, cost: Held) -> None:
    scale = _MILLION / campaign.devices
    cpu = {name: f"{seconds * scale:.0f} s" for name, seconds in (campaign.cpu | campaign.server_cpu).items()}
    table(
        f"A million pushes: {campaign.devices:,} sent at {_LATENCY_MS} ms, {campaign.rate:,.0f} a second, scaled",
        ("", ""),
        [
            *[(f"CPU of {name}", seconds) for name, seconds in cpu.items()],
            *[
                (f"peak memory of {name}'s process", f"{peak / 2**20:.0f} MiB")
                for name, peak in campaign.peak_bytes.items()
            ],
            ("ledger rows of outcomes, with indexes", f"{_megabytes(cost.deliveries, campaign.devices)} MB"),
            ("ledger rows of batches", f"{_megabytes(cost.batches, campaign.devices)} MB"),
            ("WAL", f"{_megabytes(cost.wal, campaign.devices)} MB"),
            ("messages through RabbitMQ", f"{cost.broker_messages * scale:,.0f}"),
            ("to RabbitMQ", f"{_megabytes(cost.broker_in, campaign.devices)} MB"),
            ("from RabbitMQ", f"{_megabytes(cost.broker_out, campaign.devices)} MB"),
            ("Redis commands", f"{cost.redis_commands * scale:,.0f}"),
        ],
    )


def _images(photo: str, job: jobs.Job, cost: Held, cpu: dict[str, float]) -> None:
    scale = _MILLION / job.items
    table(
        f"A million images ({photo}, preset `default`): {job.items:,} made, {job.rate:.0f} a second, scaled",
        ("", ""),
        [
            ("CPU of image-worker", f"{job.cpu_seconds * scale / 3600:.1f} h"),
            *[(f"CPU of {name}", f"{seconds * scale:.0f} s") for name, seconds in cpu.items()],
            ("ledger rows of images and variants", f"{_megabytes(cost.images, job.items)} MB"),
            ("ledger rows of the job", f"{_megabytes(cost.image_items, job.items)} MB"),
            ("WAL", f"{_megabytes(cost.wal, job.items)} MB"),
            ("messages through RabbitMQ", f"{cost.broker_messages * scale:,.0f}"),
            ("to RabbitMQ", f"{_megabytes(cost.broker_in, job.items)} MB"),
            ("from RabbitMQ", f"{_megabytes(cost.broker_out, job.items)} MB"),
        ],
    )


def _connections(found: dict[str, Counter[str]]) -> None:
    servers = ("PostgreSQL", "RabbitMQ", "Redis")
    table(
        f"Connections, after that ({_PROCESSES} child processes a worker)",
        ("process", *servers),
        [(name, *[counts[server] for server in servers]) for name, counts in found.items() if name.startswith(_KINDS)],
    )


def _megabytes(value: int, of: int) -> str:
    return f"{value / of * _MILLION / 1e6:,.1f}"
