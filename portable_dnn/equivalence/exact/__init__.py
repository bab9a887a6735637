"""What a result is in exact arithmetic, or in arithmetic more accurate than the judged one."""
