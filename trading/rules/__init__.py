"""The rules of trading: pure functions that cite their article; no web, no database, no clock."""
