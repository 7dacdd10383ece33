"""What this app costs, measured: nothing here is a test, and nothing here is shipped."""
