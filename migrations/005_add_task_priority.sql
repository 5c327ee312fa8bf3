-- Migration: Add task priority
-- Created: 2026-11-22
-- Description: A task's priority is low, medium, high or urgent, and is never missing.

-- 001_init.sql made the column without a check, so it may hold anything. Case and surrounding spaces are forgiven; a priority
-- that is missing or none of the four words becomes medium. A word that gets lost so is named in a warning before.
do $$
declare
    lost text;
begin
    select string_agg(format('%L (%s)', priority, total), ', ' order by total desc, priority)
    into lost
    from (
        select priority, count(*) as total
        from tasks
        where lower(trim(priority)) not in ('', 'low', 'medium', 'high', 'urgent')
        group by priority
        order by total desc, priority
        limit 20
    ) as unknown;

    if lost is not null then
        raise warning 'unknown priorities become medium: %', lost
            using hint = 'In parentheses, how many tasks have it; at most 20 words are listed.';
    end if;
end
$$;

-- The rows come first and the table second. An update lets everybody read, and write other rows; from alter table on
-- nobody can do either until the commit. So what takes long is over by then.
update tasks
set priority = case
        when lower(trim(priority)) in ('low', 'medium', 'high', 'urgent') then lower(trim(priority))
        else 'medium'
    end
where priority is null
    or priority not in ('low', 'medium', 'high', 'urgent');

-- One statement, and so one scan for both. A check added as "not valid" and validated in the same file would gain nothing: the
-- lock of the first is held through the scan of the second. On a big table it takes three files: the check, not valid, which
-- is instant and holds for new rows; then the update; then validate constraint and set not null, during which everybody works on.
alter table tasks
    alter column priority set default 'medium',
    alter column priority set not null,
    add constraint tasks_priority_check check (priority in ('low', 'medium', 'high', 'urgent'));
