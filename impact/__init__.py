"""What became of valid leads at impact.com: conversions, what does not fit, what sales says, and reversals."""
