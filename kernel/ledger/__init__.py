"""The public transparency log: facts become blinded entries of one Merkle tree (spec sealing §7)."""
