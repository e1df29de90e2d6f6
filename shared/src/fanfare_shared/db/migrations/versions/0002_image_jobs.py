"""Folders, originals, images, variants, uploads, image jobs; notifications and dead letters of either kind of bulk job."""

from alembic import op

revision = "0002"
down_revision = "0001"

# A path is what its names make, '/' between them: unique, so that the tree has no two folders of one name in a place.
FOLDERS = """
CREATE TABLE folders (
    id uuid PRIMARY KEY,
    parent_id uuid REFERENCES folders,
    name text NOT NULL,
    path text NOT NULL UNIQUE,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX folders_below ON folders (path text_pattern_ops);
CREATE INDEX folders_by_parent ON folders (parent_id, name)
"""

# One row a stored file: the same bytes uploaded again are another image of the same original. Storage keys are ordered by
# their bytes, whatever the database's collation: so the reconciler reads those below a folder from an index.
ORIGINALS = """
CREATE TABLE originals (
    id uuid PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    key text COLLATE "C" UNIQUE,
    size bigint NOT NULL,
    format text,
    media_type text NOT NULL,
    width integer,
    height integer,
    pages integer,
    price bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    dropped_at timestamptz,
    CHECK ((key IS NULL) = (dropped_at IS NOT NULL))
);
CREATE TABLE images (
    id uuid PRIMARY KEY,
    original_id uuid NOT NULL REFERENCES originals,
    folder_id uuid REFERENCES folders,
    name text NOT NULL,
    owner text,
    status text NOT NULL CHECK (status IN ('processing', 'ready', 'failed')),
    error_code text,
    error_message text,
    created_by text NOT NULL,
    uploaded_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    trashed_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX images_by_folder ON images (folder_id, id) WHERE trashed_at IS NULL;
CREATE INDEX images_by_owner ON images (owner, id);
CREATE INDEX images_by_status ON images (status, id) WHERE status <> 'ready';
CREATE INDEX images_by_name ON images (name text_pattern_ops, id);
CREATE INDEX images_trashed ON images (trashed_at, id) WHERE trashed_at IS NOT NULL;
CREATE INDEX images_of_original ON images (original_id);
CREATE TABLE variants (
    image_id uuid NOT NULL REFERENCES images ON DELETE CASCADE,
    name text NOT NULL,
    key text COLLATE "C" NOT NULL,
    format text NOT NULL,
    media_type text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    pages integer NOT NULL DEFAULT 1,
    size bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (image_id, name)
);
CREATE INDEX variants_by_key ON variants (key)
"""

# `doomed_objects` is written where the last row that names an object goes, in that transaction; whoever removes the object
# then removes the row.
UPLOADS = """
CREATE TABLE uploads (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('resumable', 'direct')),
    key text NOT NULL UNIQUE,
    request jsonb NOT NULL,
    size bigint CHECK (size >= 0),
    received bigint NOT NULL DEFAULT 0,
    state jsonb NOT NULL DEFAULT '{}',
    image_id uuid,
    job_id uuid,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    completed_at timestamptz
);
CREATE INDEX uploads_open ON uploads (expires_at) WHERE completed_at IS NULL;
CREATE TABLE doomed_objects (
    key text COLLATE "C" PRIMARY KEY,
    due_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX doomed_objects_due ON doomed_objects (due_at)
"""

IMAGE_JOBS = """
CREATE TABLE image_jobs (
    id uuid PRIMARY KEY,
    parent_id uuid,
    operation text NOT NULL CHECK (operation IN
        ('upload', 'process', 'copy', 'move', 'rename', 'trash', 'restore', 'purge', 'archive', 'drop_original')),
    parameters jsonb NOT NULL DEFAULT '{}',
    target jsonb NOT NULL,
    lane text NOT NULL CHECK (lane IN ('images.interactive', 'images.bulk', 'images.heavy', 'files.bulk')),
    rate text,
    seconds_per_item double precision CHECK (seconds_per_item > 0),
    next_batch_at timestamptz,
    then_job jsonb,
    on_failure_job jsonb,
    webhook_url text,
    webhook_secret_encrypted text,
    notify_email text,
    rejected jsonb NOT NULL DEFAULT '{}',
    result jsonb,
    status text NOT NULL CHECK (status IN
        ('scheduled', 'processing', 'paused', 'cancelling', 'cancelled', 'completed', 'failed')),
    pause_reason text,
    final_status text CHECK (final_status IN ('cancelled', 'failed')),
    error_code text,
    error_message text,
    settled bigint NOT NULL DEFAULT 0,
    created_by text NOT NULL,
    request_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    scheduled_at timestamptz,
    expires_at timestamptz,
    started_at timestamptz,
    completed_at timestamptz,
    due_at timestamptz,
    succeeded integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    cancelled integer NOT NULL DEFAULT 0,
    errors jsonb NOT NULL DEFAULT '{}',
    CHECK (webhook_url IS NULL OR webhook_secret_encrypted IS NOT NULL)
) WITH (fillfactor = 50);
CREATE INDEX image_jobs_due ON image_jobs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX image_jobs_active ON image_jobs (id) WHERE status IN ('scheduled', 'processing', 'paused', 'cancelling');
CREATE INDEX image_jobs_by_parent ON image_jobs (parent_id) WHERE parent_id IS NOT NULL;
CREATE TABLE image_job_plans (
    job_id uuid PRIMARY KEY REFERENCES image_jobs ON DELETE CASCADE,
    cursor uuid,
    ceiling uuid,
    total bigint NOT NULL DEFAULT 0,
    batches integer NOT NULL DEFAULT 0,
    planned_at timestamptz
);
CREATE TABLE image_batches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES image_jobs ON DELETE CASCADE,
    lane text NOT NULL,
    first_position integer NOT NULL,
    last_position integer NOT NULL CHECK (last_position >= first_position),
    size integer NOT NULL,
    status text NOT NULL DEFAULT 'ready' CHECK (status IN ('ready', 'published', 'leased', 'closed', 'set_aside')),
    due_at timestamptz,
    hints smallint NOT NULL DEFAULT 0,
    epoch integer NOT NULL DEFAULT 0,
    worker text,
    running integer,
    writes integer NOT NULL DEFAULT 0,
    claimed_writes integer NOT NULL DEFAULT 0,
    lost_claims smallint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    claimed_at timestamptz,
    closed_at timestamptz,
    succeeded integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    cancelled integer NOT NULL DEFAULT 0,
    errors jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);
CREATE INDEX image_batches_due ON image_batches (due_at) WHERE status IN ('published', 'leased');
CREATE INDEX image_batches_ready ON image_batches (job_id, lane, due_at, id) WHERE status = 'ready';
CREATE INDEX image_batches_in_flight ON image_batches (lane, job_id) WHERE status IN ('published', 'leased');
CREATE INDEX image_batches_open ON image_batches (job_id, id) WHERE status <> 'closed';
CREATE INDEX image_batches_claimed ON image_batches (job_id) WHERE status <> 'closed' AND epoch > 0;
CREATE INDEX image_batches_by_job ON image_batches (job_id, id);
CREATE TABLE image_items (
    job_id uuid NOT NULL REFERENCES image_jobs ON DELETE CASCADE,
    position integer NOT NULL,
    batch_id bigint NOT NULL,
    image_id uuid NOT NULL,
    name text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'succeeded', 'failed', 'cancelled')),
    error_code text,
    error_message text,
    attempts smallint NOT NULL DEFAULT 0,
    deaths smallint NOT NULL DEFAULT 0,
    duration_ms integer,
    result jsonb,
    finished_at timestamptz,
    PRIMARY KEY (job_id, position)
) WITH (fillfactor = 80);
CREATE INDEX image_items_of_batch ON image_items (batch_id, position);
CREATE INDEX image_items_not_succeeded ON image_items (job_id, status, position) WHERE status <> 'succeeded';
CREATE INDEX image_items_of_image ON image_items (image_id)
"""

EITHER_KIND = """
ALTER TABLE campaign_plans ALTER COLUMN ceiling SET DEFAULT 0;
ALTER TABLE notifications
    ADD COLUMN job_id uuid REFERENCES image_jobs ON DELETE CASCADE,
    ALTER COLUMN campaign_id DROP NOT NULL,
    ALTER COLUMN app_id DROP NOT NULL,
    ADD CHECK ((campaign_id IS NULL) <> (job_id IS NULL)),
    ADD CHECK ((campaign_id IS NULL) = (app_id IS NULL));
CREATE INDEX notifications_by_job ON notifications (job_id) WHERE job_id IS NOT NULL;
ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_source_check;
ALTER TABLE dead_letters
    ADD CONSTRAINT dead_letters_source_check CHECK (source IN ('message', 'batch', 'image_batch', 'notification'));
ALTER TABLE schedule_runs ADD COLUMN dry_run boolean NOT NULL DEFAULT false
"""


def upgrade() -> None:
    for statements in (FOLDERS, ORIGINALS, UPLOADS, IMAGE_JOBS, EITHER_KIND):
        op.execute(statements)


def downgrade() -> None:
    op.execute("ALTER TABLE schedule_runs DROP COLUMN dry_run")
    op.execute("ALTER TABLE campaign_plans ALTER COLUMN ceiling DROP DEFAULT")
    op.execute("DELETE FROM dead_letters WHERE source = 'image_batch'")
    op.execute("ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_source_check")
    op.execute("ALTER TABLE dead_letters ADD CHECK (source IN ('message', 'batch', 'notification'))")
    op.execute("DELETE FROM notifications WHERE job_id IS NOT NULL")
    op.execute("ALTER TABLE notifications DROP COLUMN job_id CASCADE")
    op.execute("ALTER TABLE notifications ALTER COLUMN campaign_id SET NOT NULL, ALTER COLUMN app_id SET NOT NULL")
    op.execute(
        "DROP TABLE image_items, image_batches, image_job_plans, image_jobs, doomed_objects, uploads, variants, images, "
        "originals, folders"
    )
