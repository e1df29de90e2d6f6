"""The four images that `make images` built, run by a container engine as a fleet on the native servers."""
