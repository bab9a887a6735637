"""What a result is in exact arithmetic, or in arithmetic better than that which is judged."""
