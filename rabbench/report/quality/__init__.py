"""What a report says of rankings."""
