"""What every endpoint shares: problem details, transactions, idempotency, pages, request ids, metrics."""
