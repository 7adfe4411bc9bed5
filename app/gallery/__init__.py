"""Gallery: people and their anchors in SQL (`store`), and in memory for scoring (`snapshot`)."""
