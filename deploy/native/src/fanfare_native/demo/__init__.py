"""`make demo`: a campaign to 100,000 devices, a folder of photos with a job over it, and whether both accounts are right."""

import sys

import httpx

from fanfare_native import report, settings
from fanfare_native.demo import campaign, images
from fanfare_native.errors import StackError
from fanfare_native.layout import Layout


def run(layout: Layout) -> bool:
    """Runs the demo on a fleet that is up; whether both accounts add up, and hold what was put in.

    Raises StackError where the fleet is not up, does not use its own simulator, or refuses a step.
    """
    found = settings.read(layout.env_file)
    if "FANFARE_API_KEY" not in found:
        raise StackError("the fleet is not up, or gave no API key: `make up` first")
    headers = {"Authorization": f"Bearer {found['FANFARE_API_KEY']}"}
    with httpx.Client(base_url=found["FANFARE_API_URL"], headers=headers, timeout=60, trust_env=False) as api:
        problems = campaign.run(api, found)
        print()
        problems += images.run(api, layout)
    print()
    report.addresses(layout, found)
    for problem in problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    return not problems
