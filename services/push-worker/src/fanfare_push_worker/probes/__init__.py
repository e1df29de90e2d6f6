"""Sends outside any account: an app's check, a campaign's test, and the question whose fault a 400 was."""
