"""The messages between the parts, and the words they share: pure pydantic, versioned."""
