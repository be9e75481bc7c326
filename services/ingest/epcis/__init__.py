"""EPCIS 2.0 JSON documents in, as the same domain events that are posted natively."""
