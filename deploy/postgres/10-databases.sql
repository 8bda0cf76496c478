-- Run once, when the data volume is empty: each service has a database and a role of its own and cannot reach the
-- other's. C.UTF-8 orders by code point, so that an update of the system's locales cannot spoil an index.
\set authserver_password `cat /secrets/authserver-password`
\set skill_password `cat /secrets/skill-password`

CREATE ROLE authserver LOGIN PASSWORD :'authserver_password';
CREATE DATABASE authserver OWNER authserver TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
REVOKE ALL ON DATABASE authserver FROM PUBLIC;

CREATE ROLE skill LOGIN PASSWORD :'skill_password';
CREATE DATABASE skill OWNER skill TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
REVOKE ALL ON DATABASE skill FROM PUBLIC;
