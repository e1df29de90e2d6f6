"""`python -m fcm_simulator`."""

from fcm_simulator.cli import main

main()
