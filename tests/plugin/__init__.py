"""Life-cycle tests of the pytest plugin: each makes a small project and runs pytest in it."""
