"""Campaigns: their content, their control, and what became of them."""
