-- Migration: Init (down)
-- Created: 2026-11-22
-- Description: Drops the four tables and every row in them. Nothing brings the rows back but a backup.

-- In the reverse order, and without cascade: what this file does not know of stops it.
drop table contexts;
drop table tasks;
drop table agents;
drop table projects;
