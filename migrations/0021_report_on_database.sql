-- Why: what an operator asks of the database (sizes, bloat, vacuum, slow statements, indexes) is looked up by the worker now and then and
-- left here, so that nobody who looks makes PostgreSQL look.
SET LOCAL ROLE latchkey_migrator;

CREATE TABLE database_reports (
  only_one boolean CONSTRAINT database_reports_pkey PRIMARY KEY DEFAULT true CONSTRAINT database_reports_only_one_check CHECK (only_one),
  report jsonb NOT NULL,
  measured_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON database_reports TO latchkey_api;
GRANT SELECT, INSERT, UPDATE ON database_reports TO latchkey_worker;

-- How wide a row of each table is on average. PostgreSQL shows statistics of columns to those alone who may read them, because they have
-- values in them; this has widths and nothing else. Null for a table that was never analysed.
CREATE FUNCTION table_row_widths() RETURNS TABLE (table_id oid, row_width double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT c.oid, sum((1 - s.null_frac) * s.avg_width)
  FROM pg_class c
  JOIN pg_stats s ON s.schemaname = 'public' AND s.tablename = c.relname
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
  GROUP BY c.oid
$$;
REVOKE ALL ON FUNCTION table_row_widths() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION table_row_widths() TO latchkey_worker;
