"""Valid leads on their way to the brand's own systems: the outbox, who sends, and what destinations are sent."""
