BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE anchor (
	id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	embedding BLOB NOT NULL, 
	note VARCHAR(500) NOT NULL, 
	created DATETIME NOT NULL, 
	removed DATETIME, revision_id INTEGER, 
	PRIMARY KEY (id), 
	FOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE
);
INSERT INTO "anchor" VALUES(1,1,X'0000803F00000000000000000000000000000000000000000000000000000000','trip/1.jpg','2026-11-28 11:17:49.830084',NULL,1);
INSERT INTO "anchor" VALUES(2,1,X'000000000000803F000000000000000000000000000000000000000000000000','2.jpg','2026-11-28 11:17:49.831965',NULL,1);
INSERT INTO "anchor" VALUES(3,1,X'00000000000000000000803F0000000000000000000000000000000000000000','3.jpg','2026-11-28 11:17:49.843016','2026-11-28 11:17:50.019735',1);
INSERT INTO "anchor" VALUES(4,1,X'0000000000000000000000000000803F00000000000000000000000000000000','4.jpg','2026-11-28 11:17:49.891903',NULL,2);
INSERT INTO "anchor" VALUES(5,1,X'000000000000000000000000000000000000803F000000000000000000000000','é.jpg','2026-11-28 11:17:49.891906',NULL,2);
INSERT INTO "anchor" VALUES(6,3,X'00000000000000000000000000000000000000000000803F0000000000000000','6.jpg','2026-11-28 11:17:49.927494',NULL,3);
INSERT INTO "anchor" VALUES(7,1,X'0000000000000000000000000000000000000000000000000000803F00000000','7.jpg','2026-11-28 11:17:49.950716',NULL,4);
CREATE TABLE cell (
	id INTEGER NOT NULL, 
	revision_id INTEGER NOT NULL, 
	place VARCHAR(20) NOT NULL, 
	row_id INTEGER NOT NULL, 
	field VARCHAR(20) NOT NULL, 
	"before" VARCHAR(300), 
	PRIMARY KEY (id), 
	FOREIGN KEY(revision_id) REFERENCES revision (id) ON DELETE CASCADE
);
INSERT INTO "cell" VALUES(1,1,'portrait',1,'webp',NULL);
INSERT INTO "cell" VALUES(2,2,'portrait',2,'webp',NULL);
INSERT INTO "cell" VALUES(3,6,'anchor',3,'removed',NULL);
INSERT INTO "cell" VALUES(4,7,'person',3,'removed',NULL);
INSERT INTO "cell" VALUES(5,9,'person',1,'name','Ann Lee');
INSERT INTO "cell" VALUES(6,10,'anchor',4,'person_id','2');
INSERT INTO "cell" VALUES(7,10,'anchor',5,'person_id','2');
INSERT INTO "cell" VALUES(8,10,'anchor',7,'person_id','2');
INSERT INTO "cell" VALUES(9,10,'rejected',1,'person_id','2');
INSERT INTO "cell" VALUES(10,10,'person',2,'removed',NULL);
CREATE TABLE changed (
	revision_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	PRIMARY KEY (revision_id, person_id), 
	FOREIGN KEY(revision_id) REFERENCES revision (id) ON DELETE CASCADE
);
INSERT INTO "changed" VALUES(1,1);
INSERT INTO "changed" VALUES(2,2);
INSERT INTO "changed" VALUES(3,3);
INSERT INTO "changed" VALUES(4,2);
INSERT INTO "changed" VALUES(5,2);
INSERT INTO "changed" VALUES(6,1);
INSERT INTO "changed" VALUES(7,3);
INSERT INTO "changed" VALUES(9,1);
INSERT INTO "changed" VALUES(10,1);
INSERT INTO "changed" VALUES(10,2);
CREATE TABLE crop (
	anchor_id INTEGER NOT NULL, 
	webp BLOB NOT NULL, 
	PRIMARY KEY (anchor_id), 
	FOREIGN KEY(anchor_id) REFERENCES anchor (id) ON DELETE CASCADE
);
INSERT INTO "crop" VALUES(1,X'63726F70');
INSERT INTO "crop" VALUES(2,X'63726F70');
INSERT INTO "crop" VALUES(3,X'63726F70');
CREATE TABLE former_portrait (
	revision_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	webp BLOB NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	PRIMARY KEY (revision_id, person_id), 
	FOREIGN KEY(revision_id) REFERENCES revision (id) ON DELETE CASCADE, 
	FOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE
);
INSERT INTO "former_portrait" VALUES(4,2,X'706F727472616974206F66205A6F65','3ee96118d95a9a8ed2dc63d7e47fdfa5be6e4bab57d281dede9f623a2689c0d8');
CREATE TABLE imported (
	id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	folder VARCHAR(64) NOT NULL, 
	photo VARCHAR(64) NOT NULL, 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE
);
INSERT INTO "imported" VALUES(1,1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','2026-11-28 11:17:49.856543');
INSERT INTO "imported" VALUES(2,1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc','2026-11-28 11:17:49.856548');
CREATE TABLE network (
	id VARCHAR(100) NOT NULL, 
	filled DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "network" VALUES('0123456789ab/eyes',NULL);
CREATE TABLE person (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(100) NOT NULL, 
	"key" VARCHAR(300) NOT NULL, 
	created DATETIME NOT NULL, 
	removed DATETIME
, revision_id INTEGER);
INSERT INTO "person" VALUES(1,'Anna Lee','anna lee','2026-11-28 11:17:49.816151',NULL,1);
INSERT INTO "person" VALUES(2,'Zoë','zoë','2026-11-28 11:17:49.891454','2026-11-28 11:17:50.178829',2);
INSERT INTO "person" VALUES(3,'Bob','bob','2026-11-28 11:17:49.927001','2026-11-28 11:17:50.063079',3);
CREATE TABLE portrait (
	person_id INTEGER NOT NULL, 
	webp BLOB NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	PRIMARY KEY (person_id), 
	FOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE
);
INSERT INTO "portrait" VALUES(1,X'706F727472616974206F6620416E6E','f31cd88c975015f4829b1cfa6529060ae64ebc68e2901385c562d3c935397e2d');
INSERT INTO "portrait" VALUES(2,X'6E657720706F727472616974206F66205A6F65','30d1b28a48afb151645ca25452282371bdf0882713a06e81bc9b68614cf26917');
CREATE TABLE rejected (
	id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	embedding BLOB NOT NULL, 
	note VARCHAR(500) NOT NULL, 
	created DATETIME NOT NULL, 
	removed DATETIME, 
	revision_id INTEGER, 
	PRIMARY KEY (id), 
	FOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE
);
INSERT INTO "rejected" VALUES(1,1,X'000000000000000000000000000000000000000000000000000000000000803F','8.jpg','2026-11-28 11:17:49.983598',NULL,5);
CREATE TABLE revision (
	id INTEGER NOT NULL, 
	change VARCHAR(300) NOT NULL, 
	created DATETIME NOT NULL, whole BOOLEAN DEFAULT 0 NOT NULL, reversible BOOLEAN DEFAULT 0 NOT NULL, undone DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "revision" VALUES(1,'added 3 anchors of person 1','2026-11-28 11:17:49.802605',0,1,NULL);
INSERT INTO "revision" VALUES(2,'added 2 anchors of person 2','2026-11-28 11:17:49.890332',0,1,NULL);
INSERT INTO "revision" VALUES(3,'added 1 anchor of person 3','2026-11-28 11:17:49.926037',0,1,NULL);
INSERT INTO "revision" VALUES(4,'added 1 anchor of person 2','2026-11-28 11:17:49.949914',0,1,NULL);
INSERT INTO "revision" VALUES(5,'marked 1 face as not person 2','2026-11-28 11:17:49.982833',0,1,NULL);
INSERT INTO "revision" VALUES(6,'removed 1 anchor of person 1','2026-11-28 11:17:50.019637',0,1,NULL);
INSERT INTO "revision" VALUES(7,'removed person 3','2026-11-28 11:17:50.062114',0,1,NULL);
INSERT INTO "revision" VALUES(8,'applied thresholds calibrated on this gallery','2026-11-28 11:17:50.087390',1,0,NULL);
INSERT INTO "revision" VALUES(9,'renamed person 1','2026-11-28 11:17:50.103841',0,1,NULL);
INSERT INTO "revision" VALUES(10,'merged person 2 into person 1','2026-11-28 11:17:50.147588',0,1,NULL);
CREATE TABLE threshold (
	fpir FLOAT NOT NULL, 
	shift FLOAT NOT NULL, 
	PRIMARY KEY (fpir)
);
INSERT INTO "threshold" VALUES(0.01,0.02);
CREATE INDEX ix_anchor_person_id ON anchor (person_id);
CREATE INDEX ix_rejected_person_id ON rejected (person_id);
CREATE INDEX ix_person_revision_id ON person (revision_id);
CREATE INDEX ix_person_gone ON person (removed) WHERE removed IS NOT NULL;
CREATE INDEX ix_anchor_revision_id ON anchor (revision_id);
CREATE INDEX ix_anchor_gone ON anchor (removed) WHERE removed IS NOT NULL;
CREATE INDEX ix_rejected_revision_id ON rejected (revision_id);
CREATE INDEX ix_rejected_gone ON rejected (removed) WHERE removed IS NOT NULL;
CREATE UNIQUE INDEX ix_person_key_present ON person ("key") WHERE removed IS NULL;
CREATE INDEX ix_cell_revision_id ON cell (revision_id);
CREATE INDEX ix_former_portrait_person_id ON former_portrait (person_id);
CREATE INDEX ix_imported_person_id ON imported (person_id);
CREATE INDEX ix_imported_folder ON imported (folder);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('person',3);
COMMIT;
