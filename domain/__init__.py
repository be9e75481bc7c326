"""The pure core of Zhuisu: events, genealogy and the meaning of every answer. Standard library only."""
