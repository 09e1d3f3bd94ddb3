"""Estimates with intervals, tests and corrections; knows numbers, not where they come from."""
