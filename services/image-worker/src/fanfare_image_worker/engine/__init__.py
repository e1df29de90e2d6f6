"""Turns an original into its variants: plain functions over libvips, which nothing else touches."""
