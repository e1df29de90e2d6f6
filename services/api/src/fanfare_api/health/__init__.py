"""Alive, ready, measured."""
