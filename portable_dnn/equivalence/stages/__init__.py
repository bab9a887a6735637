"""The stages of a comparison, from single operations to whole trainings."""
