-- The image-worker: makes variants, does file operations, and records each item's outcome. Nothing of campaigns, apps or
-- devices is its to see. To hold a folder while files are moved to it takes the right to update a column of it.
GRANT SELECT, UPDATE (updated_at) ON folders TO fanfare_image_worker;
GRANT SELECT, UPDATE, DELETE ON originals TO fanfare_image_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON doomed_objects, images, variants TO fanfare_image_worker;
GRANT SELECT, UPDATE ON image_items, image_jobs TO fanfare_image_worker;
GRANT SELECT, INSERT, UPDATE ON image_batches TO fanfare_image_worker;
GRANT SELECT ON image_job_plans TO fanfare_image_worker;
GRANT INSERT ON dead_letters, notifications TO fanfare_image_worker;
