-- Migration: Daily standups
-- Created: 2026-11-22
-- Description: What each agent says once a day, and the heartbeats between.

create table daily_standups (
    id              uuid      not null default gen_random_uuid(),
    agent_id        uuid      not null,
    project_id      uuid      not null,
    standup_date    date      not null,
    did             text      not null,
    doing           text      not null,
    done            text      not null,
    blockers        text,
    challenges      text,
    reference_links text,
    created_at      timestamp default current_timestamp,
    updated_at      timestamp default current_timestamp,

    constraint daily_standups_pkey primary key (id),
    constraint daily_standups_agent_id_fkey foreign key (agent_id) references agents (id) on delete cascade,
    constraint daily_standups_project_id_fkey foreign key (project_id) references projects (id) on delete cascade,
    -- One standup an agent and day: a second report of the day is an update.
    constraint unique_agent_date unique (agent_id, standup_date)
);

create table agent_heartbeats (
    id             uuid        not null default gen_random_uuid(),
    agent_id       uuid        not null,
    heartbeat_time timestamp   default current_timestamp,
    status         varchar(50) default 'active',
    metadata       jsonb,

    constraint agent_heartbeats_pkey primary key (id),
    constraint agent_heartbeats_agent_id_fkey foreign key (agent_id) references agents (id) on delete cascade
);

-- idx_standups_agent and idx_standups_project add little to unique_agent_date and idx_standups_project_date, which begin with
-- the same columns. They are here because databases of the running system have them, and a new one is to be the same.
create index idx_standups_agent on daily_standups (agent_id);
create index idx_standups_project on daily_standups (project_id);
create index idx_standups_date on daily_standups (standup_date);
create index idx_standups_project_date on daily_standups (project_id, standup_date);
create index idx_heartbeats_agent on agent_heartbeats (agent_id);
create index idx_heartbeats_time on agent_heartbeats (heartbeat_time);
