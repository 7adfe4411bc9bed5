"""Tables of a library in SQLite, and their migrations.

A `photo` is the content of one or more equal `file`s, also that of a video. Manual decisions are `face.source` with
`face.person_id`, `rejection`, `tag`, `different_group` and `outsider`. Vectors have their own table, so that naming a
face rewrites few bytes and reading all vectors is sequential.
"""

APPLICATION_ID = 0x46414345
"""Marks an SQLite file as a library (PRAGMA application_id)."""

MIGRATIONS = (
    """
    CREATE TABLE property (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE photo (
        id INTEGER PRIMARY KEY,
        digest BLOB UNIQUE,        -- of the bytes, see app.batch.rows.digest; NULL if they were not read
        taken TEXT,                -- EXIF date, local time, as 2024-12-31T23:59:59
        width INTEGER,
        height INTEGER,
        error TEXT,                -- code
        message TEXT
    );
    CREATE INDEX photo_taken ON photo (taken) WHERE taken IS NOT NULL;
    CREATE INDEX photo_error ON photo (id) WHERE error IS NOT NULL;
    CREATE TABLE file (
        path TEXT PRIMARY KEY,     -- or URL, as app.text.display_path shows it
        raw_path BLOB,             -- if `path` is not the name in the file system
        bytes INTEGER,
        modified_ns INTEGER,
        photo_id INTEGER NOT NULL REFERENCES photo ON DELETE CASCADE
    );
    CREATE INDEX file_photo ON file (photo_id);
    CREATE INDEX file_bytes ON file (bytes);
    CREATE TABLE person (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        key TEXT NOT NULL UNIQUE,  -- app.gallery.names.key
        gallery_id INTEGER         -- in the gallery of the last naming
    );
    CREATE TABLE face (
        id INTEGER PRIMARY KEY,
        photo_id INTEGER NOT NULL REFERENCES photo ON DELETE CASCADE,
        number INTEGER NOT NULL,   -- in the photo, from the left, from 1
        x INTEGER NOT NULL,
        y INTEGER NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        confidence REAL,           -- of the detector; NULL if a user drew the box
        eye_distance REAL,         -- this and the next four: app.vision.quality.Quality
        detail REAL,
        yaw REAL,
        close_confidence REAL,
        norm REAL,
        verdict TEXT,              -- NULL before the first naming
        person_id INTEGER REFERENCES person,
        candidate_id INTEGER REFERENCES person,  -- closest person of an ambiguous or similar unknown face
        distance REAL,             -- class distance of the closest person; NULL if a user decided
        source TEXT NOT NULL DEFAULT 'automatic'  -- or 'confirmed' or 'drawn' by a user
    );
    CREATE UNIQUE INDEX face_number ON face (photo_id, number);
    CREATE INDEX face_person ON face (person_id) WHERE person_id IS NOT NULL;
    CREATE TABLE vector (
        face_id INTEGER PRIMARY KEY REFERENCES face ON DELETE CASCADE,
        embedding BLOB NOT NULL,   -- float16, unit length
        landmarks BLOB             -- float32 (5 or 2, 2)
    );
    CREATE TABLE thumbnail (face_id INTEGER PRIMARY KEY REFERENCES face ON DELETE CASCADE, webp BLOB NOT NULL);
    CREATE TABLE rejection (
        face_id INTEGER REFERENCES face ON DELETE CASCADE,
        person_id INTEGER REFERENCES person,
        PRIMARY KEY (face_id, person_id)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE unknown_group (
        id INTEGER PRIMARY KEY AUTOINCREMENT   -- the number of the group, never used again
    );
    CREATE TABLE membership (      -- of the faces that were grouped while they were unknown
        face_id INTEGER PRIMARY KEY REFERENCES face ON DELETE CASCADE,
        group_id INTEGER REFERENCES unknown_group  -- NULL if no group is similar
    );
    CREATE INDEX membership_group ON membership (group_id) WHERE group_id IS NOT NULL;
    CREATE TABLE different_group (
        group_id INTEGER REFERENCES unknown_group,
        other_id INTEGER REFERENCES unknown_group,  -- larger than group_id
        PRIMARY KEY (group_id, other_id)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE embedded (
        path TEXT PRIMARY KEY      -- of a file with names that this program wrote into it
    ) WITHOUT ROWID;
    """,
    """
    DROP INDEX face_person;
    CREATE INDEX face_person ON face (person_id, photo_id, source) WHERE person_id IS NOT NULL;
    CREATE INDEX face_unknown ON face (photo_id) WHERE verdict = 'unknown';
    CREATE INDEX photo_time ON photo (coalesce(taken, ''));
    """,
    """
    CREATE TABLE outsider (        -- a face that a user removed from a group
        face_id INTEGER REFERENCES face ON DELETE CASCADE,
        group_id INTEGER REFERENCES unknown_group ON DELETE CASCADE,
        PRIMARY KEY (face_id, group_id)
    ) WITHOUT ROWID;
    CREATE TABLE tag (             -- a person in a photo without a face
        photo_id INTEGER REFERENCES photo ON DELETE CASCADE,
        person_id INTEGER REFERENCES person,
        PRIMARY KEY (photo_id, person_id)
    ) WITHOUT ROWID;
    CREATE INDEX tag_person ON tag (person_id);
    CREATE TABLE change (          -- manual decisions, see app.library.changes
        id INTEGER PRIMARY KEY,
        made TEXT NOT NULL,        -- UTC, as 2024-12-31T23:59:59+00:00
        author TEXT NOT NULL,
        action TEXT NOT NULL,
        person_id INTEGER REFERENCES person,
        details TEXT NOT NULL,     -- JSON
        undone TEXT                -- UTC
    );
    CREATE TABLE former_row (      -- a row before and after a change, as JSON, NULL if there was none
        table_name TEXT NOT NULL,
        row_id INTEGER NOT NULL,   -- first column of the primary key
        other_id INTEGER NOT NULL, -- second column, or 0
        change_id INTEGER NOT NULL REFERENCES change ON DELETE CASCADE,
        photo_id INTEGER REFERENCES photo ON DELETE CASCADE,
        former TEXT,
        later TEXT,
        PRIMARY KEY (table_name, row_id, other_id, change_id)
    ) WITHOUT ROWID;
    CREATE INDEX former_row_change ON former_row (change_id);
    CREATE INDEX former_row_photo ON former_row (photo_id) WHERE photo_id IS NOT NULL;
    """,
    """
    -- Seconds of a video, NULL for a photo.
    ALTER TABLE photo ADD COLUMN duration REAL;
    -- First, last and best frame with the face of a video, in seconds, see app.vision.video.TimeSpan; NULL in a photo.
    ALTER TABLE face ADD COLUMN starts REAL;
    ALTER TABLE face ADD COLUMN ends REAL;
    ALTER TABLE face ADD COLUMN best REAL;
    """,
    """
    CREATE TABLE still (           -- the frame of a video with the clearest face
        photo_id INTEGER PRIMARY KEY REFERENCES photo ON DELETE CASCADE,
        time REAL NOT NULL,        -- seconds
        webp BLOB NOT NULL
    );
    """,
    """
    CREATE TABLE suggestion (      -- pairs that may be the same person, of the last grouping
        group_id INTEGER NOT NULL,
        other_id INTEGER,          -- a group, or
        person_id INTEGER,         -- a person
        score REAL NOT NULL
    );
    CREATE INDEX face_ambiguous ON face (distance, id) WHERE verdict = 'ambiguous' AND source = 'automatic';
    CREATE INDEX face_matched ON face (distance, id) WHERE verdict = 'match' AND source = 'automatic';
    """,
    # AUTOINCREMENT: pages that are open while a face is deleted must not decide about another one.
    """
    CREATE TABLE new_photo (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        digest BLOB UNIQUE,
        taken TEXT,
        width INTEGER,
        height INTEGER,
        error TEXT,
        message TEXT,
        duration REAL
    );
    INSERT INTO new_photo SELECT * FROM photo;
    DROP TABLE photo;
    ALTER TABLE new_photo RENAME TO photo;
    CREATE INDEX photo_taken ON photo (taken) WHERE taken IS NOT NULL;
    CREATE INDEX photo_error ON photo (id) WHERE error IS NOT NULL;
    CREATE INDEX photo_time ON photo (coalesce(taken, ''));
    CREATE TABLE new_face (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        photo_id INTEGER NOT NULL REFERENCES photo ON DELETE CASCADE,
        number INTEGER NOT NULL,
        x INTEGER NOT NULL,
        y INTEGER NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        confidence REAL,
        eye_distance REAL,
        detail REAL,
        yaw REAL,
        close_confidence REAL,
        norm REAL,
        verdict TEXT,
        person_id INTEGER REFERENCES person,
        candidate_id INTEGER REFERENCES person,
        distance REAL,
        source TEXT NOT NULL DEFAULT 'automatic',
        starts REAL,
        ends REAL,
        best REAL
    );
    INSERT INTO new_face SELECT * FROM face;
    DROP TABLE face;
    ALTER TABLE new_face RENAME TO face;
    CREATE UNIQUE INDEX face_number ON face (photo_id, number);
    CREATE INDEX face_person ON face (person_id, photo_id, source) WHERE person_id IS NOT NULL;
    CREATE INDEX face_unknown ON face (photo_id) WHERE verdict = 'unknown';
    CREATE INDEX face_ambiguous ON face (distance, id) WHERE verdict = 'ambiguous' AND source = 'automatic';
    CREATE INDEX face_matched ON face (distance, id) WHERE verdict = 'match' AND source = 'automatic';
    -- The log knows faces that were deleted.
    DELETE FROM sqlite_sequence WHERE name = 'face';
    INSERT INTO sqlite_sequence SELECT 'face', max(
        (SELECT coalesce(max(id), 0) FROM face),
        (SELECT coalesce(max(row_id), 0) FROM former_row WHERE table_name = 'face'));
    """,
)
"""SQL of each version after the one before. PRAGMA user_version counts those that were applied."""
