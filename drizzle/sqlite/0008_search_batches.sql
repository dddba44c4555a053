-- Written by hand, as the first form of the index that this replaces. To index one row at a time costs several times as much as to index many, so
-- the newest rows wait, at most 256 of them, and searches read their texts one by one. `up_to` is the number of the last row that is indexed.
DROP TRIGGER registry_search_insert;
--> statement-breakpoint
DROP TRIGGER registry_search_delete;
--> statement-breakpoint
DROP TRIGGER registry_search_update;
--> statement-breakpoint
DROP TABLE registry_fts;
--> statement-breakpoint
CREATE TABLE registry_fts_state (id integer PRIMARY KEY CHECK (id = 1), up_to integer NOT NULL) STRICT;
--> statement-breakpoint
INSERT INTO registry_fts_state (id, up_to) SELECT 1, coalesce(max(number), 0) FROM registry_search;
--> statement-breakpoint
CREATE VIEW registry_fts_rows AS SELECT number, text FROM registry_search WHERE number <= (SELECT up_to FROM registry_fts_state);
--> statement-breakpoint
CREATE VIRTUAL TABLE registry_fts USING fts5(text, content='registry_fts_rows', content_rowid='number', tokenize='trigram case_sensitive 1', detail='none', columnsize=0);
--> statement-breakpoint
INSERT INTO registry_fts (registry_fts, rank) VALUES ('secure-delete', 1);
--> statement-breakpoint
INSERT INTO registry_fts (registry_fts) VALUES ('rebuild');
--> statement-breakpoint
CREATE TRIGGER registry_search_insert AFTER INSERT ON registry_search WHEN new.number >= (SELECT up_to FROM registry_fts_state) + 256 BEGIN
	INSERT INTO registry_fts (rowid, text) SELECT number, text FROM registry_search WHERE number > (SELECT up_to FROM registry_fts_state);
	UPDATE registry_fts_state SET up_to = new.number;
END;
--> statement-breakpoint
CREATE TRIGGER registry_search_delete AFTER DELETE ON registry_search WHEN old.number <= (SELECT up_to FROM registry_fts_state) BEGIN
	INSERT INTO registry_fts (registry_fts, rowid, text) VALUES ('delete', old.number, old.text);
END;
--> statement-breakpoint
CREATE TRIGGER registry_search_update AFTER UPDATE OF text ON registry_search WHEN old.number <= (SELECT up_to FROM registry_fts_state) BEGIN
	INSERT INTO registry_fts (registry_fts, rowid, text) VALUES ('delete', old.number, old.text);
	INSERT INTO registry_fts (rowid, text) VALUES (new.number, new.text);
END;
