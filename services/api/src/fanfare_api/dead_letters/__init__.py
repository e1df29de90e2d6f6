"""Dead letters: what could not be done and waits for a human, who may have it tried again."""
