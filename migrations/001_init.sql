-- Migration: Init
-- Created: 2026-11-22
-- Description: Projects, the agents that work on them, their tasks, and the contexts that they share.

-- Constraints carry the names that PostgreSQL would give them: a database of the running system, whose tables were
-- made without names, has the same ones.

create table projects (
    id          uuid         not null default gen_random_uuid(),
    name        varchar(255) not null,
    description text,
    status      varchar(50)  default 'active',
    created_at  timestamp    default current_timestamp,
    updated_at  timestamp    default current_timestamp,

    constraint projects_pkey primary key (id),
    constraint projects_status_check check (status in ('active', 'inactive', 'completed', 'archived'))
);

-- The status is whatever an agent reports, so no check: 006_migrate_agent_status.sql brings order into it.
create table agents (
    id         uuid         not null default gen_random_uuid(),
    project_id uuid         not null,
    name       varchar(255) not null,
    role       varchar(100),
    team       varchar(255),
    status     varchar(50)  default 'active',
    last_seen  timestamp    default current_timestamp,
    created_at timestamp    default current_timestamp,

    constraint agents_pkey primary key (id),
    constraint agents_project_id_fkey foreign key (project_id) references projects (id) on delete cascade
);

-- A project takes its agents and tasks with it. An agent with tasks cannot be deleted alone: somebody has to take over.
create table tasks (
    id          uuid         not null default gen_random_uuid(),
    project_id  uuid         not null,
    title       varchar(255) not null,
    description text,
    status      varchar(50)  default 'pending',
    priority    varchar(50)  default 'medium',
    created_by  uuid         not null,
    assigned_to uuid,
    output      text,
    created_at  timestamp    default current_timestamp,
    updated_at  timestamp    default current_timestamp,

    constraint tasks_pkey primary key (id),
    constraint tasks_project_id_fkey foreign key (project_id) references projects (id) on delete cascade,
    constraint tasks_created_by_fkey foreign key (created_by) references agents (id),
    constraint tasks_assigned_to_fkey foreign key (assigned_to) references agents (id),
    constraint tasks_status_check check (
        status in ('pending', 'in_progress', 'blocked', 'done', 'completed', 'failed', 'cancelled')
    )
);

create table contexts (
    id         uuid         not null default gen_random_uuid(),
    project_id uuid         not null,
    agent_id   uuid         not null,
    task_id    uuid,
    title      varchar(255) not null,
    content    text,
    tags       text[],
    created_at timestamp    default current_timestamp,
    updated_at timestamp    default current_timestamp,

    constraint contexts_pkey primary key (id),
    constraint contexts_project_id_fkey foreign key (project_id) references projects (id) on delete cascade,
    constraint contexts_agent_id_fkey foreign key (agent_id) references agents (id),
    constraint contexts_task_id_fkey foreign key (task_id) references tasks (id)
);

-- Plain create index stops writes to its table, which nobody feels on a table of this very file. On a table that is in
-- use, an index belongs in a file of its own, built concurrently.
create index idx_agents_project on agents (project_id);
create index idx_tasks_project on tasks (project_id);
create index idx_tasks_assigned on tasks (assigned_to);
create index idx_tasks_status on tasks (status);
create index idx_contexts_project on contexts (project_id);
create index idx_contexts_tags on contexts using gin (tags);
