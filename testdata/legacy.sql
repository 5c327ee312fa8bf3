-- A database as the system before this one leaves it: the tables of 001–003 from its own DDL (all constraints unnamed but one),
-- those three files recorded without a checksum, and rows with what its agents wrote over time.

CREATE TABLE IF NOT EXISTS schema_migrations (
    version VARCHAR(255) PRIMARY KEY,
    applied_at TIMESTAMP DEFAULT NOW(),
    checksum VARCHAR(64)
);

CREATE TABLE IF NOT EXISTS projects (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name VARCHAR(255) NOT NULL,
    description TEXT,
    status VARCHAR(50) DEFAULT 'active',
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS agents (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id UUID NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
    name VARCHAR(255) NOT NULL,
    role VARCHAR(100),
    team VARCHAR(255),
    status VARCHAR(50) DEFAULT 'active',
    last_seen TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS tasks (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id UUID NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
    title VARCHAR(255) NOT NULL,
    description TEXT,
    status VARCHAR(50) DEFAULT 'pending',
    priority VARCHAR(50) DEFAULT 'medium',
    created_by UUID NOT NULL REFERENCES agents(id),
    assigned_to UUID REFERENCES agents(id),
    output TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS contexts (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id UUID NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
    agent_id UUID NOT NULL REFERENCES agents(id),
    task_id UUID REFERENCES tasks(id),
    title VARCHAR(255) NOT NULL,
    content TEXT,
    tags TEXT[],
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS daily_standups (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    agent_id UUID NOT NULL REFERENCES agents(id) ON DELETE CASCADE,
    project_id UUID NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
    standup_date DATE NOT NULL,
    did TEXT NOT NULL,
    doing TEXT NOT NULL,
    done TEXT NOT NULL,
    blockers TEXT,
    challenges TEXT,
    reference_links TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT unique_agent_date UNIQUE (agent_id, standup_date)
);

CREATE TABLE IF NOT EXISTS agent_heartbeats (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    agent_id UUID NOT NULL REFERENCES agents(id) ON DELETE CASCADE,
    heartbeat_time TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    status VARCHAR(50) DEFAULT 'active',
    metadata JSONB
);

CREATE INDEX IF NOT EXISTS idx_agents_project ON agents(project_id);
CREATE INDEX IF NOT EXISTS idx_tasks_project ON tasks(project_id);
CREATE INDEX IF NOT EXISTS idx_tasks_assigned ON tasks(assigned_to);
CREATE INDEX IF NOT EXISTS idx_tasks_status ON tasks(status);
CREATE INDEX IF NOT EXISTS idx_contexts_project ON contexts(project_id);
CREATE INDEX IF NOT EXISTS idx_contexts_tags ON contexts USING GIN(tags);
CREATE INDEX IF NOT EXISTS idx_standups_agent ON daily_standups(agent_id);
CREATE INDEX IF NOT EXISTS idx_standups_project ON daily_standups(project_id);
CREATE INDEX IF NOT EXISTS idx_standups_date ON daily_standups(standup_date);
CREATE INDEX IF NOT EXISTS idx_standups_project_date ON daily_standups(project_id, standup_date);
CREATE INDEX IF NOT EXISTS idx_heartbeats_agent ON agent_heartbeats(agent_id);
CREATE INDEX IF NOT EXISTS idx_heartbeats_time ON agent_heartbeats(heartbeat_time);

INSERT INTO schema_migrations (version, applied_at) VALUES
    ('001_init.sql', '2026-01-21 09:30:00'),
    ('002_sample_data.sql', '2026-01-21 09:30:00.25'),
    ('003_daily_standups.sql', '2026-01-27 19:17:10');

INSERT INTO projects (id, name, status) VALUES
    ('11111111-0000-4000-8000-000000000001', 'Legacy', 'active'),
    ('11111111-0000-4000-8000-000000000002', 'Paused', 'on hold'),
    ('11111111-0000-4000-8000-000000000003', 'Unclear', NULL);

-- An agent's name says the status that 006_migrate_agent_status.sql must leave it with.
INSERT INTO agents (project_id, name, status)
SELECT '11111111-0000-4000-8000-000000000001', name, status
FROM (VALUES
    ('active', 'active'), ('active', 'Active'), ('active', 'online'), ('active', 'ONLINE'), ('active', 'Available'), ('active', ' ready '),
    ('inactive', 'inactive'), ('inactive', 'offline'), ('inactive', 'OffLine'), ('inactive', 'unavailable'), ('inactive', 'Away'),
    ('busy', 'busy'), ('busy', 'BUSY'), ('busy', 'working'), ('busy', 'Occupied'), ('busy', 'in-progress'), ('busy', 'In-Progress'),
    ('idle', 'idle'), ('blocked', 'blocked'), ('On Vacation', 'On Vacation'), ('', ''), ('missing', NULL)
) AS legacy (name, status);

-- A task's title says the priority that 005_add_task_priority.sql must leave it with.
INSERT INTO tasks (project_id, title, status, priority, created_by)
SELECT a.project_id, legacy.title, legacy.status, legacy.priority, a.id
FROM agents a, (VALUES
    ('low', 'pending', 'low'), ('low', 'done', 'LOW'), ('medium', 'completed', 'medium'), ('medium', 'in_progress', 'Medium'),
    ('high', 'in-progress', 'High '), ('high', 'blocked', 'high'), ('urgent', NULL, 'urgent'), ('urgent', 'pending', 'URGENT'),
    ('medium', 'pending', NULL), ('medium', 'pending', ''), ('medium', 'todo', 'P1'), ('medium', 'todo', 'critical'), ('medium', '', '3')
) AS legacy (title, status, priority)
WHERE a.status = 'idle';

INSERT INTO contexts (project_id, agent_id, task_id, title, content, tags)
SELECT t.project_id, t.created_by, t.id, 'Why urgent', E'Text with a quote '' and a line\nbreak', ARRAY['legacy', 'ünïcode']
FROM tasks t WHERE t.title = 'urgent';

INSERT INTO daily_standups (agent_id, project_id, standup_date, did, doing, done)
SELECT id, project_id, '2026-01-28', 'Wrote', 'Writes', 'Will write' FROM agents WHERE status = 'idle';

INSERT INTO agent_heartbeats (agent_id, status, metadata)
SELECT id, status, '{"load": 0.5}' FROM agents WHERE status IN ('working', 'offline');
