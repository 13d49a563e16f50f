"""What another package adds to rmcheck: a check, a source, a loss, a report format."""
