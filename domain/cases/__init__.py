"""Cases: recalls, incidents, drills and suppliers' notices, folded from their acts. Pure, as all of the domain."""
