"""What to ask for: requests planned from the configuration, and answers taken apart. Nothing here touches a network."""
