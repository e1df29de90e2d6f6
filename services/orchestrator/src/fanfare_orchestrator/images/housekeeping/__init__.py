"""The daily work on images: the trash, uploads nobody completed, originals by age, old jobs, objects to be removed."""
