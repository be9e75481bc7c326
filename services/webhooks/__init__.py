"""Webhooks: what WMS and marketplaces must stop, told to them by signed calls (https://www.standardwebhooks.com)."""
