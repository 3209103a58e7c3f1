"""Ask, many at a time: requests go out side by side and politely, pages come back in order, memory stays bounded."""
