"""What image jobs mean, for the api that validates them and the worker that does them."""
