"""What this machine leaves a process: memory, control groups, limits of the operating system."""
