-- Run once, after roles.sql, when PostgreSQL's volume is empty. The file included is made by make_secrets.py.
\set ON_ERROR_STOP on
\include /run/secrets/passwords.sql
CREATE DATABASE fanfare OWNER fanfare;
