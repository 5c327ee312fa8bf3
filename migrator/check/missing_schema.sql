-- The schema that is to be made where the search_path leads to none: the first that it names. "" where there is no need.
select coalesce(pg_catalog.min(name), '')
from (
	select name
	from pg_catalog.unnest(pg_catalog.string_to_array(pg_catalog.current_setting('search_path'), ',')) with ordinality as entries (entry, place),
		lateral (select (pg_catalog.parse_ident(entry))[1]) parsed (name)
	where entry operator(pg_catalog.~) '\S' and name operator(pg_catalog.!~) '^(\$user$|pg_|$)' and pg_catalog.current_schema() is null
	order by place
	limit 1
) first
