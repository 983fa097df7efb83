"""Stored leads: search, figures, exports, backtests, retention and erasure."""
