"""Applications and documents of another node: folders that are used once a person has adopted them."""
