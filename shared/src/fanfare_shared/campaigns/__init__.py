"""What a campaign is, apart from where it is stored: its legal transitions."""
