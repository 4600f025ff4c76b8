"""The systematic cases, area by area."""
