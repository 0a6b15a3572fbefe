"""What two nodes do with each other: files, databases and clocks around the documents of `exchange`."""
