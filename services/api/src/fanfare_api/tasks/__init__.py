"""Tasks: slow work as its caller follows it, whatever row does it."""
