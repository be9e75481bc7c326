"""The demo factory: e-bike batteries and bikes, as the events that its four systems would post."""
