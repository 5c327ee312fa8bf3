-- Migration: Add task priority (down)
-- Created: 2026-11-22
-- Description: The column may hold anything again. What it held before cannot be restored: the four words stay.

-- The column itself and its default stay too: 001_init.sql made them.
alter table tasks
    drop constraint tasks_priority_check,
    alter column priority drop not null;
