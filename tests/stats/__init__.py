"""Tests of the statistics, each against an oracle outside of rmcheck."""
