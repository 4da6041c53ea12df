"""All SQL: the schema, loading everything, appending changes, migrations. Knows rows, not what they mean."""
