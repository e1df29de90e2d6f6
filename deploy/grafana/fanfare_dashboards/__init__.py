"""The source of Fanfare's Grafana dashboards, a module each; `make dashboards` writes their JSON."""
