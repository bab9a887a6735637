"""What a comparison found: its verdict, as text, table, file, page and pictures."""
