"""The contract of the gRPC front end, and what is generated from it (committed)."""
