"""Cases: commands that append acts to the log, and jobs that do what follows from them."""
