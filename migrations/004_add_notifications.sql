-- Migration: Add notifications
-- Created: 2026-11-22
-- Description: Messages to an agent, kept until they are read and after.

-- The foreign key stops writes to agents until this file commits. A new table makes that a moment, and so nothing slow
-- stands beside it.
create table notifications (
    id         uuid         not null default gen_random_uuid(),
    user_id    uuid         not null,
    title      varchar(255) not null,
    message    text         not null,
    type       varchar(20)  not null default 'info',
    read       boolean      not null default false,
    -- The older tables have timestamp; an instant that means the same in every time zone is what a new table should have.
    created_at timestamptz  not null default current_timestamp,

    constraint notifications_pkey primary key (id),
    constraint notifications_user_id_fkey foreign key (user_id) references agents (id) on delete cascade,
    constraint notifications_type_check check (type in ('info', 'warning', 'error', 'success'))
);

-- A foreign key makes no index on its own side; without one, deleting an agent reads the whole table.
create index idx_notifications_user on notifications (user_id);

-- Most notifications are read sooner or later, so an index of the unread ones stays small.
create index idx_notifications_unread on notifications (user_id, created_at) where not read;
