"""Polar Flow: training sessions, daily activity, heart rate round the clock, sleep."""
