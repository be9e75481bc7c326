"""The statements of the record over SQL: what each need looks up. Keys come as arrays; tenants where text is asked."""

ITEM_NOS = "SELECT item_no, uri FROM views.items WHERE tenant_id = $1 AND uri = ANY($2)"
ITEM_URIS = "SELECT item_no, uri FROM views.items WHERE item_no = ANY($1)"
MENTION = "event_no, item_no, role, action, flow, by_class, quantity, uom, basis, status"
NAMED = f"SELECT {MENTION} FROM views.event_items WHERE item_no = ANY($1)"
LINKED = f"SELECT {MENTION} FROM views.event_items WHERE item_no = ANY($1) AND role <> 0"
CONTENTS = f"SELECT {MENTION} FROM views.event_items WHERE event_no = ANY($1) AND role IN (3, 4, 5, 6)"
EXPOSED = f"SELECT {MENTION} FROM views.event_items WHERE event_no = ANY($1) AND role IN (0, 2, 5)"
FLOWS = f"""
SELECT {", ".join("i." + c.strip() for c in MENTION.split(","))}
FROM views.events e JOIN views.event_items i USING (event_no)
WHERE e.tenant_id = $1 AND e.transformation = ANY($2) AND i.role IN (1, 2, 7, 8)
"""
RELATIONS = """
-- the lots of these items, identities with them at either end, each once, and materials declared for them
SELECT 0 AS what, event_no, lot_no, unit_no, at_making FROM views.memberships WHERE unit_no = ANY($1)
UNION SELECT 1, event_no, one_no, other_no, false FROM views.identities WHERE one_no = ANY($1)
UNION SELECT 1, event_no, one_no, other_no, false FROM views.identities WHERE other_no = ANY($1)
UNION SELECT 2, event_no, item_no, material_no, false FROM views.item_materials WHERE item_no = ANY($1)
"""
FILLED = "SELECT event_no, item_no FROM views.event_items WHERE item_no = ANY($1) AND role = 3"
UNITS_OF = "SELECT event_no, lot_no, unit_no, at_making FROM views.memberships WHERE lot_no = ANY($1)"
CLOSINGS = """
SELECT event_no, transformation FROM views.events
WHERE tenant_id = $1 AND transformation = ANY($2) AND kind = 'order_closed'
"""
FACTORS = "SELECT event_no, item_no, quantity, uom, equals, in_uom FROM views.uom_factors WHERE item_no = ANY($1)"
ANY_RENAMED = "SELECT EXISTS (SELECT FROM views.renamings WHERE tenant_id = $1)"
RENAMED = """
SELECT event_no, old_no, new_no FROM views.renamings WHERE old_no = ANY($1)
UNION SELECT event_no, old_no, new_no FROM views.renamings WHERE new_no = ANY($1)
"""
OF_MATERIAL = """
-- items whose id shows the class, or that an event declares to be of it; with the events that name them
SELECT w.material, i.item_no, i.uri, x.event_no, x.event_no AS said_by
FROM unnest($2::text[]) AS w(material)
JOIN views.items i ON i.tenant_id = $1 AND i.material = w.material AND i.uri <> w.material
JOIN views.event_items x ON x.item_no = i.item_no
UNION ALL
SELECT c.uri, i.item_no, i.uri, x.event_no, m.event_no
FROM views.items c JOIN views.item_materials m ON m.material_no = c.item_no
JOIN views.items i ON i.item_no = m.item_no JOIN views.event_items x ON x.item_no = i.item_no
WHERE c.tenant_id = $1 AND c.uri = ANY($2)
"""
NOTICES = "SELECT topic, subject, event_no FROM views.notices WHERE tenant_id = $1 AND topic = $2 AND subject = ANY($3)"
# Named one by one: a rebuild puts other tables in their place, and cached statements must find the same columns.
HEADER_COLUMNS = (
    "event_no key_no log_partition log_offset kind source may_correct occurred_at earliest_us latest_us started_us rank"
    " accepted_us request_index parent_no transformation mixed site to_place holder clears_holder owner disposition"
    " set_flags unset_flags hold recall void posting"
)
HEADERS = f"""
SELECT {", ".join("e." + c for c in HEADER_COLUMNS.split())}, k.event_id
FROM views.events e JOIN views.event_keys k USING (key_no) WHERE e.event_no = ANY($1)
"""

AT_PLACES = "SELECT event_no FROM views.event_places WHERE event_no = ANY($1) AND place = ANY($2)"

OCCURRED = "SELECT event_no, occurred_at FROM views.events WHERE event_no = ANY($1)"
