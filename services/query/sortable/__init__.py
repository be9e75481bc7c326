"""The sortable spreadsheet of 21 CFR 1.1455: critical tracking events and their key data elements, a row each."""
