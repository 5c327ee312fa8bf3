-- Migration: Migrate agent status
-- Created: 2026-11-22
-- Description: Many words for an agent's status become three: active, inactive and busy.

-- A word that is not in the list stays as it is, and so does a missing one: agents also report idle and blocked, and only they
-- know what they mean. What stays is named in a warning below.
--
-- No check follows, for the same reason, and because replicas of the release before this one still write the old words while
-- they are being replaced: their writes would fail. A check is for the release after the one that stopped writing them.
update agents
set status = word.new_status
from (values
        ('active',      'active'),
        ('online',      'active'),
        ('available',   'active'),
        ('ready',       'active'),
        ('inactive',    'inactive'),
        ('offline',     'inactive'),
        ('unavailable', 'inactive'),
        ('away',        'inactive'),
        ('busy',        'busy'),
        ('working',     'busy'),
        ('occupied',    'busy'),
        ('in-progress', 'busy')
    ) as word (old_status, new_status)
where lower(trim(agents.status)) = word.old_status
    -- A row that is right already needs no new version, and no wait for whoever has it locked.
    and agents.status <> word.new_status;

do $$
declare
    kept text;
begin
    select string_agg(format('%L (%s)', status, total), ', ' order by total desc, status)
    into kept
    from (
        select status, count(*) as total
        from agents
        where status not in ('active', 'inactive', 'busy')
        group by status
        order by total desc, status
        limit 20
    ) as unknown;

    if kept is not null then
        raise warning 'unknown agent statuses stay as they are: %', kept
            using hint = 'In parentheses, how many agents have it; at most 20 words are listed.';
    end if;
end
$$;
