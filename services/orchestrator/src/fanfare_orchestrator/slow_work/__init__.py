"""The worker of what may be slow: webhooks, e-mails and the daily work."""
