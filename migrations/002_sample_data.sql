-- Migration: Sample data
-- Created: 2026-11-22
-- Description: Two small projects, so that a new installation has something to show.

-- Fixed ids, so that the down file finds exactly these rows; on conflict, so that rows which are there already stay as
-- they are. The last digits number the rows, the group before them says the table: 8 projects, 9 agents, a tasks, b contexts.

insert into projects (id, name, description, status) values
    ('5a3b1e00-0000-4000-8000-000000000001', 'Web Shop', 'Catalogue, cart and checkout', 'active'),
    ('5a3b1e00-0000-4000-8000-000000000002', 'Usage Reports', 'Nightly figures for the sales team', 'archived')
on conflict (id) do nothing;

insert into agents (id, project_id, name, role, team, status) values
    ('5a3b1e00-0000-4000-9000-000000000001', '5a3b1e00-0000-4000-8000-000000000001', 'Catalogue Pages', 'frontend', 'Shop', 'working'),
    ('5a3b1e00-0000-4000-9000-000000000002', '5a3b1e00-0000-4000-8000-000000000001', 'Order Service', 'backend', 'Shop', 'online'),
    ('5a3b1e00-0000-4000-9000-000000000003', '5a3b1e00-0000-4000-8000-000000000002', 'Report Writer', 'backend', 'Data', 'offline')
on conflict (id) do nothing;

insert into tasks (id, project_id, title, description, status, priority, created_by, assigned_to) values
    ('5a3b1e00-0000-4000-a000-000000000001', '5a3b1e00-0000-4000-8000-000000000001',
        'Filter the product list', 'By price, brand and availability', 'in_progress', 'high',
        '5a3b1e00-0000-4000-9000-000000000002', '5a3b1e00-0000-4000-9000-000000000001'),
    ('5a3b1e00-0000-4000-a000-000000000002', '5a3b1e00-0000-4000-8000-000000000001',
        'Keep the cart between visits', 'For thirty days', 'pending', 'medium',
        '5a3b1e00-0000-4000-9000-000000000001', '5a3b1e00-0000-4000-9000-000000000002'),
    ('5a3b1e00-0000-4000-a000-000000000003', '5a3b1e00-0000-4000-8000-000000000002',
        'Send the weekly figures', null, 'done', 'low',
        '5a3b1e00-0000-4000-9000-000000000003', null)
on conflict (id) do nothing;

insert into contexts (id, project_id, agent_id, task_id, title, content, tags) values
    ('5a3b1e00-0000-4000-b000-000000000001', '5a3b1e00-0000-4000-8000-000000000001',
        '5a3b1e00-0000-4000-9000-000000000001', '5a3b1e00-0000-4000-a000-000000000001',
        'Product list: query parameters', 'price_from, price_to, brand (may be repeated), in_stock', array['api', 'catalogue']),
    ('5a3b1e00-0000-4000-b000-000000000002', '5a3b1e00-0000-4000-8000-000000000002',
        '5a3b1e00-0000-4000-9000-000000000003', null,
        'Where the figures come from', 'The orders of the day before, in UTC, without cancelled ones', array['reports'])
on conflict (id) do nothing;
