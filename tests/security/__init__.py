"""What the deployment refuses: strangers' certificates, other services' rights, connections between services."""
