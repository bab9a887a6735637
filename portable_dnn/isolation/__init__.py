"""Reading untrusted files in a separate process."""
