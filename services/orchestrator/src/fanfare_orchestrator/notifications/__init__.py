"""Webhooks and e-mails about campaigns. The rows of `notifications` are the truth; messages say: look at this one."""
