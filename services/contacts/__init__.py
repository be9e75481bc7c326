"""Contacts: who a pseudonymous party is and how to reach them, in a store of its own that can be erased."""
