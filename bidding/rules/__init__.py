"""The rules of bidding: pure functions that cite their article; no web, no database, no clock."""
