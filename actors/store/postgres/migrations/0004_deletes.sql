-- Whoever else than Reddot deletes events or snapshots begins another history,
-- so that servers which have them in memory let go of that. Reddot's own
-- sessions are known by a setting; those of programs from before it by another.
create function reddot_deleted() returns trigger language plpgsql as $$
begin
	execute format('delete from %I.reddot_sessions', tg_table_schema);
	execute format('update %I.reddot_history set id = uuid_send(gen_random_uuid()), minted_at = now()', tg_table_schema);
	return null;
end $$;

do $$
declare
	part text;
	what text;
begin
	foreach part in array array['reddot_events', 'reddot_snapshots'] loop
		foreach what in array array['delete', 'truncate'] loop
			execute format('create trigger %s_by_others after %s on %s for each statement
				when (coalesce(current_setting(''reddot.session'', true), '''') <> ''on'' and current_setting(''plan_cache_mode'') <> ''force_generic_plan'')
				execute function reddot_deleted()', part || '_' || what, what, part);
		end loop;
	end loop;
end $$;
