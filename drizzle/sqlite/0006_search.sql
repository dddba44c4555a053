-- Written by hand: Drizzle cannot express virtual tables and triggers. An index of the trigrams of registry_search.text, which the triggers keep in step.
-- It stores no text of its own (https://sqlite.org/fts5.html#external_content_tables), and the text is folded already, so letters are taken as they are.
CREATE VIRTUAL TABLE registry_fts USING fts5(text, content='registry_search', content_rowid='number', tokenize='trigram case_sensitive 1', detail='none');
--> statement-breakpoint
-- Trigrams of a deleted text are removed from the index at once, not when segments are merged.
INSERT INTO registry_fts (registry_fts, rank) VALUES ('secure-delete', 1);
--> statement-breakpoint
CREATE TRIGGER registry_search_insert AFTER INSERT ON registry_search BEGIN
	INSERT INTO registry_fts (rowid, text) VALUES (new.number, new.text);
END;
--> statement-breakpoint
CREATE TRIGGER registry_search_delete AFTER DELETE ON registry_search BEGIN
	INSERT INTO registry_fts (registry_fts, rowid, text) VALUES ('delete', old.number, old.text);
END;
--> statement-breakpoint
CREATE TRIGGER registry_search_update AFTER UPDATE OF text ON registry_search BEGIN
	INSERT INTO registry_fts (registry_fts, rowid, text) VALUES ('delete', old.number, old.text);
	INSERT INTO registry_fts (rowid, text) VALUES (new.number, new.text);
END;
