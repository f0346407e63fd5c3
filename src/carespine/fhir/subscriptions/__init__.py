"""Topic subscriptions as data: topics, what a Subscription asks for, notifications (R5 Backport IG 1.1 for R4)."""
