"""Jobs that make variants: image by image, each recorded before the next."""
