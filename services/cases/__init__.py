"""Cases: commands and jobs of recalls, incidents and drills."""
