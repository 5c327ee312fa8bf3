-- Migration: Sample data (down)
-- Created: 2026-11-22
-- Description: Deletes the sample rows, and only these. What was changed in them is lost.

-- Deleting a project deletes what hangs on it, so a sample row stays where somebody has built upon it.

delete from contexts
where id in (
    '5a3b1e00-0000-4000-b000-000000000001',
    '5a3b1e00-0000-4000-b000-000000000002'
);

delete from tasks t
where t.id in (
        '5a3b1e00-0000-4000-a000-000000000001',
        '5a3b1e00-0000-4000-a000-000000000002',
        '5a3b1e00-0000-4000-a000-000000000003'
    )
    and not exists (select from contexts where task_id = t.id);

delete from agents a
where a.id in (
        '5a3b1e00-0000-4000-9000-000000000001',
        '5a3b1e00-0000-4000-9000-000000000002',
        '5a3b1e00-0000-4000-9000-000000000003'
    )
    and not exists (select from tasks where created_by = a.id or assigned_to = a.id)
    and not exists (select from contexts where agent_id = a.id);

delete from projects p
where p.id in (
        '5a3b1e00-0000-4000-8000-000000000001',
        '5a3b1e00-0000-4000-8000-000000000002'
    )
    and not exists (select from agents where project_id = p.id)
    and not exists (select from tasks where project_id = p.id)
    and not exists (select from contexts where project_id = p.id);
