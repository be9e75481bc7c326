"""Reports of a recall: each a function of its acts and of the record, as known at one point of the log."""
