"""The gallery: people and their anchors, kept in SQL (`tables`, `store`), ranked from memory (`snapshot`)."""
