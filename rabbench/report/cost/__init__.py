"""What a report says of costs."""
