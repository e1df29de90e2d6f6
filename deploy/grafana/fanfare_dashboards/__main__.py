"""Writes each dashboard as JSON into a folder: `PYTHONPATH=deploy/grafana python -m fanfare_dashboards FOLDER`."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from fanfare_dashboards import campaign, fleet, images, queues


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for page in (fleet, campaign, images, queues):
        dashboard = page.dashboard().build()
        for number, panel in enumerate(dashboard.panels or [], 1):
            panel.id_val = number
        text = json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True)
        (folder / f"{page.__name__.rpartition('.')[2]}.json").write_text(f"{text}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
