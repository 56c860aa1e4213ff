"""The rules of evaluation: pure functions that cite their article; no web, no database, no clock."""
