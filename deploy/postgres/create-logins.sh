#!/bin/sh
# Runs once, in an empty data folder. Four logins: an owner that migrates, one each for the api and the worker that may do no more than
# migrations/ grants them, and one for backups that reads everything and changes nothing. The superuser stays inside this container.
set -eu

# The password in postgres://user:password@host/name; they are hexadecimal, nothing in them is escaped.
password() { sed -n 's|^[a-z]*://[^:]*:\([^@]*\)@.*$|\1|p' "/run/secrets/$1"; }

# Through the environment: an argument would show in the list of processes.
MIGRATE_PASSWORD=$(password migrate_database_url) \
API_PASSWORD=$(password api_database_url) \
WORKER_PASSWORD=$(password worker_database_url) \
BACKUP_PASSWORD=$(password backup_database_url) \
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv migrate_password MIGRATE_PASSWORD
\getenv api_password API_PASSWORD
\getenv worker_password WORKER_PASSWORD
\getenv backup_password BACKUP_PASSWORD
CREATE ROLE latchkey_migrator NOLOGIN;
CREATE ROLE latchkey_api LOGIN PASSWORD :'api_password';
CREATE ROLE latchkey_worker LOGIN PASSWORD :'worker_password';
CREATE ROLE latchkey_backup LOGIN PASSWORD :'backup_password';
GRANT pg_read_all_data TO latchkey_backup;
CREATE ROLE latchkey_owner LOGIN PASSWORD :'migrate_password';
GRANT latchkey_migrator, latchkey_api, latchkey_worker TO latchkey_owner;
-- PostgreSQL's own collation: an index stays right when another image brings another C library.
CREATE DATABASE latchkey OWNER latchkey_owner TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8';
REVOKE ALL ON DATABASE latchkey FROM PUBLIC;
GRANT CONNECT ON DATABASE latchkey TO latchkey_backup;
SQL
