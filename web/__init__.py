"""From bytes to fields, and from a decision to bytes."""
