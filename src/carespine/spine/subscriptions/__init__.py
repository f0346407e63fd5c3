"""Topic subscriptions at work: changes become events, events become notifications."""
