"""Weighing: calibration, bounds, metrics, verbal bands, and the opinion. Pure functions; numpy only."""
