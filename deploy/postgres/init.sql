-- A database for each replica: a transaction log has one writer. The image makes the first one.
CREATE DATABASE kv_1;
