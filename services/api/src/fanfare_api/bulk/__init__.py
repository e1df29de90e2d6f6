"""What campaigns and image jobs have in common: both are bulk jobs, controlled, followed and accounted for alike."""
