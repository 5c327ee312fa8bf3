-- Migration: Add notifications (down)
-- Created: 2026-11-22
-- Description: Drops the table and every notification in it. Nothing brings them back but a backup.

drop table notifications;
