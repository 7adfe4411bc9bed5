"""What stands between the internet and the app: who is let in, how many at once, and what is told about it."""
