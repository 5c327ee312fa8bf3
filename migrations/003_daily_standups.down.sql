-- Migration: Daily standups (down)
-- Created: 2026-11-22
-- Description: Drops both tables and every row in them. Nothing brings the rows back but a backup.

drop table agent_heartbeats;
drop table daily_standups;
