"""Google Fit in Google Takeout: data points, sessions, and the CSV of daily activity."""
