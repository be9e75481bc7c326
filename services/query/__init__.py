"""The query service: questions over the views, answered over HTTP."""
