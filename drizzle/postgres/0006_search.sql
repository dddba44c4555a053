-- Written by hand: Drizzle cannot express an index that may be missing. Where the extension cannot be created (it is not installed, or this role may
-- not create it), searches read the texts one by one instead, and the migration goes on.
DO $$
DECLARE
	home text;
BEGIN
	CREATE EXTENSION IF NOT EXISTS pg_trgm;
	SELECT nspname INTO STRICT home FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm';
	EXECUTE format('CREATE INDEX registry_search_trigrams ON registry_search USING gin (text %I.gin_trgm_ops)', home);
EXCEPTION WHEN OTHERS THEN
	RAISE NOTICE 'registry_search has no index of trigrams: %', SQLERRM;
END
$$;
