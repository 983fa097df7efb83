"""The pages of operators. Knows no commands."""
