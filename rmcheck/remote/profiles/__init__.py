"""The profiles of servers, one file each."""
