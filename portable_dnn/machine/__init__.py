"""What a process may use on this machine: memory, control groups, system limits."""
