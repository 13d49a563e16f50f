"""Tests of the command line, on the projects of the plugin's tests."""
