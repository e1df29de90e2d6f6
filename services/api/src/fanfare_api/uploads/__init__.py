"""Taking images in: multipart, straight to storage, and in parts that survive an interruption."""
