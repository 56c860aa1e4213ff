"""The hall core: auctions in memory, one committer, and a journal that is the truth."""
