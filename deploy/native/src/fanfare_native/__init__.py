"""Runs the whole fleet natively: servers, services and simulator under one process manager."""
