-- The user and database of the tests, made at every start by MySQL and MariaDB alike. The user may do everything: tests make databases and
-- users of their own.
CREATE DATABASE IF NOT EXISTS millstream;
CREATE USER IF NOT EXISTS 'millstream'@'%' IDENTIFIED BY 'millstream';
GRANT ALL ON *.* TO 'millstream'@'%' WITH GRANT OPTION;
