BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE alias (
	id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	"key" VARCHAR(300) NOT NULL, 
	created DATETIME NOT NULL, 
	removed DATETIME, 
	revision_id INTEGER, 
	PRIMARY KEY (id), 
	FOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE
);
INSERT INTO "alias" VALUES(1,1,'Zo','zo','2026-11-28 11:32:27.812943',NULL,9);
INSERT INTO "alias" VALUES(2,1,'Zoë','zoë','2026-11-28 11:32:27.922349',NULL,11);
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
INSERT INTO "anchor" VALUES(1,1,X'0000803F00000000000000000000000000000000000000000000000000000000','trip/1.jpg','2026-11-28 11:32:27.585818',NULL,1);
INSERT INTO "anchor" VALUES(2,1,X'000000000000803F000000000000000000000000000000000000000000000000','2.jpg','2026-11-28 11:32:27.585828',NULL,1);
INSERT INTO "anchor" VALUES(3,1,X'00000000000000000000803F0000000000000000000000000000000000000000','3.jpg','2026-11-28 11:32:27.585829','2026-11-28 11:32:27.746271',1);
INSERT INTO "anchor" VALUES(4,1,X'0000000000000000000000000000803F00000000000000000000000000000000','4.jpg','2026-11-28 11:32:27.650399',NULL,2);
INSERT INTO "anchor" VALUES(5,1,X'000000000000000000000000000000000000803F000000000000000000000000','é.jpg','2026-11-28 11:32:27.650403',NULL,2);
INSERT INTO "anchor" VALUES(6,3,X'00000000000000000000000000000000000000000000803F0000000000000000','6.jpg','2026-11-28 11:32:27.674766',NULL,3);
INSERT INTO "anchor" VALUES(7,1,X'0000000000000000000000000000000000000000000000000000803F00000000','7.jpg','2026-11-28 11:32:27.697659',NULL,4);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	made VARCHAR(32) NOT NULL, 
	actor VARCHAR(200) NOT NULL, 
	action VARCHAR(40) NOT NULL, 
	person_id INTEGER, 
	commitment VARCHAR(64), 
	details TEXT NOT NULL, 
	subject_id INTEGER, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(subject_id) REFERENCES audit_subject (id) ON DELETE SET NULL
);
INSERT INTO "audit" VALUES(1,'2026-11-28T11:32:27.623958+00:00','system','added',1,'3c6a400143da8df3c88393cda752d638fb568cc8e2cd6855b033a9d14c59d2a7','{"change":1,"description":"added 3 anchors of person 1"}',1,'7f8fec44c05ed93097c61719b97e0fb6286b54af5919b18796fbda837c00d942');
INSERT INTO "audit" VALUES(2,'2026-11-28T11:32:27.659333+00:00','system','added',2,'0c98c6dfc1c4b398f7030da5c534c1a06bf6d89bb25f66a5f3ba2fc956fe97ba','{"change":2,"description":"added 2 anchors of person 2"}',2,'e36caa75e25114ce626753f3ff3cd45da8ba88cb358cf3a4f3f619674e8ad860');
INSERT INTO "audit" VALUES(3,'2026-11-28T11:32:27.682680+00:00','system','added',3,'1e44039809fcdf2fadc852950ab994a4338dc1e41153abb93e30ff170cd0946e','{"change":3,"description":"added 1 anchor of person 3"}',3,'a14f07e0eb4c34127c37e0018a41e11a37eebeab3171dc2971fc4257631cf6c2');
INSERT INTO "audit" VALUES(4,'2026-11-28T11:32:27.704676+00:00','system','added',2,'0c98c6dfc1c4b398f7030da5c534c1a06bf6d89bb25f66a5f3ba2fc956fe97ba','{"change":4,"description":"added 1 anchor of person 2"}',2,'228a32f6b4cfde4d86f78e46033e36ac02617a7ab98fd70d64e46bbf710f48db');
INSERT INTO "audit" VALUES(5,'2026-11-28T11:32:27.722148+00:00','system','marked',2,'0c98c6dfc1c4b398f7030da5c534c1a06bf6d89bb25f66a5f3ba2fc956fe97ba','{"change":5,"description":"marked 1 face as not person 2"}',2,'8dde01263c69317128268e3da37a9ee13b01a000f4d0621897b7ea19b94c0f7b');
INSERT INTO "audit" VALUES(6,'2026-11-28T11:32:27.758999+00:00','system','removed',1,'3c6a400143da8df3c88393cda752d638fb568cc8e2cd6855b033a9d14c59d2a7','{"change":6,"description":"removed 1 anchor of person 1"}',1,'bdd74ad7af42d70196bed193530522eac825d2cc9bc2943d97d7f90e6776e7fb');
INSERT INTO "audit" VALUES(7,'2026-11-28T11:32:27.778767+00:00','system','removed',3,'1e44039809fcdf2fadc852950ab994a4338dc1e41153abb93e30ff170cd0946e','{"change":7,"description":"removed person 3"}',3,'2bae675b9ae454ad5006154e075d32cb9981b77110a57ea8223c582d158c344c');
INSERT INTO "audit" VALUES(8,'2026-11-28T11:32:27.788390+00:00','system','set',NULL,NULL,'{"change":8,"description":"set the thresholds calibrated on this gallery"}',NULL,'e6c427af5c069a8078e178bc9769c36649b2a5f7b35c0494c0ad7a5a3c8eb038');
INSERT INTO "audit" VALUES(9,'2026-11-28T11:32:27.814969+00:00','system','changed',2,'0c98c6dfc1c4b398f7030da5c534c1a06bf6d89bb25f66a5f3ba2fc956fe97ba','{"change":9,"description":"changed the aliases of person 2"}',2,'e5d7adb21ce91af3dff0b8b942c1b0ca4eec758ec99f7517f07ee11a05cda692');
INSERT INTO "audit" VALUES(10,'2026-11-28T11:32:27.855629+00:00','system','renamed',1,'8c044850ee5bec7e801d3d42f11130d69519df9e49fc99a32fd08f5563f8e880','{"change":10,"description":"renamed person 1"}',4,'5a54309d84151d85a478bf2bb1d9a8994aaadb39afcb66f3f1cb551432adef76');
INSERT INTO "audit" VALUES(11,'2026-11-28T11:32:27.924330+00:00','system','merged',1,'8c044850ee5bec7e801d3d42f11130d69519df9e49fc99a32fd08f5563f8e880','{"change":11,"description":"merged person 2 into person 1"}',4,'ea29c6fb5df2843ef996645bd63865e2004b8bd01b8ed8bd458e41e85ead607e');
INSERT INTO "audit" VALUES(12,'2026-11-28T11:32:27.924433+00:00','system','merged',2,'0c98c6dfc1c4b398f7030da5c534c1a06bf6d89bb25f66a5f3ba2fc956fe97ba','{"change":11,"description":"merged person 2 into person 1"}',2,'ed420f96ef82166f6bff2264e52744f72c85163f8bbf0e5895bc9257380072c3');
CREATE TABLE audit_subject (
	id INTEGER NOT NULL, 
	person_id INTEGER, 
	name VARCHAR(100) NOT NULL, 
	"key" VARCHAR(300) NOT NULL, 
	salt VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit_subject" VALUES(1,1,'Ann Lee','ann lee','a3a20efa1bd71a5fe21bc39889c05428');
INSERT INTO "audit_subject" VALUES(2,2,'Zoë','zoë','29424fd02d76eb52954c1f9a40d6df8a');
INSERT INTO "audit_subject" VALUES(3,3,'Bob','bob','8c61d34a457f08ea2d7f2dabfbe080ce');
INSERT INTO "audit_subject" VALUES(4,1,'Anna Lee','anna lee','5189d4e4b3a2074e854c3f3366ba4fea');
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
INSERT INTO "cell" VALUES(5,10,'person',1,'name','Ann Lee');
INSERT INTO "cell" VALUES(6,10,'person',1,'new_name','Anna Lee');
INSERT INTO "cell" VALUES(7,11,'anchor',4,'person_id','2');
INSERT INTO "cell" VALUES(8,11,'anchor',5,'person_id','2');
INSERT INTO "cell" VALUES(9,11,'anchor',7,'person_id','2');
INSERT INTO "cell" VALUES(10,11,'rejected',1,'person_id','2');
INSERT INTO "cell" VALUES(11,11,'alias',1,'person_id','2');
INSERT INTO "cell" VALUES(12,11,'person',2,'removed',NULL);
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
INSERT INTO "changed" VALUES(9,2);
INSERT INTO "changed" VALUES(10,1);
INSERT INTO "changed" VALUES(11,1);
INSERT INTO "changed" VALUES(11,2);
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
INSERT INTO "imported" VALUES(1,1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','2026-11-28 11:32:27.606662');
INSERT INTO "imported" VALUES(2,1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc','2026-11-28 11:32:27.606669');
CREATE TABLE network (
	id VARCHAR(100) NOT NULL, 
	filled DATETIME, seen DATETIME, held_until DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "network" VALUES('0123456789ab/eyes',NULL,'2026-11-28 11:32:27.507033',NULL);
CREATE TABLE "person" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(100) NOT NULL, 
	"key" VARCHAR(300) NOT NULL, 
	created DATETIME NOT NULL, 
	removed DATETIME
, revision_id INTEGER);
INSERT INTO "person" VALUES(1,'Anna Lee','anna lee','2026-11-28 11:32:27.580046',NULL,1);
INSERT INTO "person" VALUES(2,'Zoë','zoë','2026-11-28 11:32:27.649984','2026-11-28 11:32:27.921180',2);
INSERT INTO "person" VALUES(3,'Bob','bob','2026-11-28 11:32:27.673937','2026-11-28 11:32:27.773490',3);
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
INSERT INTO "rejected" VALUES(1,1,X'000000000000000000000000000000000000000000000000000000000000803F','8.jpg','2026-11-28 11:32:27.715309',NULL,5);
CREATE TABLE revision (
	id INTEGER NOT NULL, 
	change VARCHAR(300) NOT NULL, 
	created DATETIME NOT NULL, whole BOOLEAN DEFAULT 0 NOT NULL, reversible BOOLEAN DEFAULT 0 NOT NULL, undone DATETIME, actor VARCHAR(200), 
	PRIMARY KEY (id)
);
INSERT INTO "revision" VALUES(1,'added 3 anchors of person 1','2026-11-28 11:32:27.578555',0,1,NULL,'system');
INSERT INTO "revision" VALUES(2,'added 2 anchors of person 2','2026-11-28 11:32:27.649351',0,1,NULL,'system');
INSERT INTO "revision" VALUES(3,'added 1 anchor of person 3','2026-11-28 11:32:27.673383',0,1,NULL,'system');
INSERT INTO "revision" VALUES(4,'added 1 anchor of person 2','2026-11-28 11:32:27.697294',0,1,NULL,'system');
INSERT INTO "revision" VALUES(5,'marked 1 face as not person 2','2026-11-28 11:32:27.714380',0,1,NULL,'system');
INSERT INTO "revision" VALUES(6,'removed 1 anchor of person 1','2026-11-28 11:32:27.746031',0,1,NULL,'system');
INSERT INTO "revision" VALUES(7,'removed person 3','2026-11-28 11:32:27.773167',0,1,NULL,'system');
INSERT INTO "revision" VALUES(8,'set the thresholds calibrated on this gallery','2026-11-28 11:32:27.787197',1,0,NULL,'system');
INSERT INTO "revision" VALUES(9,'changed the aliases of person 2','2026-11-28 11:32:27.802876',0,1,NULL,'system');
INSERT INTO "revision" VALUES(10,'renamed person 1','2026-11-28 11:32:27.827751',0,1,NULL,'system');
INSERT INTO "revision" VALUES(11,'merged person 2 into person 1','2026-11-28 11:32:27.879099',0,1,NULL,'system');
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
CREATE INDEX ix_alias_person_id ON alias (person_id);
CREATE INDEX ix_alias_key ON alias ("key");
CREATE INDEX ix_alias_revision_id ON alias (revision_id);
CREATE INDEX ix_alias_gone ON alias (removed) WHERE removed IS NOT NULL;
CREATE INDEX ix_audit_subject_person_id ON audit_subject (person_id);
CREATE INDEX ix_audit_subject_key ON audit_subject ("key");
CREATE INDEX ix_audit_person_id ON audit (person_id);
CREATE INDEX ix_audit_subject_id ON audit (subject_id);
CREATE INDEX ix_audit_action ON audit (action, made);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('person',3);
COMMIT;
