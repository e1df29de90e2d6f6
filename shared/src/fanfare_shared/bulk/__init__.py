"""What campaigns and image jobs share: both are bulk jobs, cut into batches that workers claim, with one account."""
