"""Applications and documents that came from another node: folders that wait until a person adopts them."""
