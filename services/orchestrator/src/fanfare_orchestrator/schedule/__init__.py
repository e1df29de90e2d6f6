"""The daily work of `fanfare_shared.schedule.SCHEDULE`: beat says when, a row of `schedule_runs` says who does it."""
