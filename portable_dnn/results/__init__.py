"""A run on a data set, and what people look at after it."""
