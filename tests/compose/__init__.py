"""docker-compose.yml without Docker: what it says, and its services as processes on real servers."""
