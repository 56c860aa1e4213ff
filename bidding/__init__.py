"""Registration, bid bonds, sealed bids, the opening, live auctions."""
