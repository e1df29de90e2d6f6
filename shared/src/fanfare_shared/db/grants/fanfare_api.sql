-- The api: takes in apps, devices, campaigns, images and jobs, and shows what became of them. Outcomes are not its to write.
GRANT SELECT, INSERT, UPDATE ON api_keys, apps, idempotency_keys, image_jobs, images, notifications, originals TO fanfare_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON campaigns, devices, doomed_objects, folders, uploads TO fanfare_api;
GRANT SELECT, INSERT ON audit_log, image_items, image_job_plans, probes TO fanfare_api;
GRANT SELECT, INSERT, UPDATE ON image_batches TO fanfare_api;
GRANT SELECT, UPDATE ON batches, dead_letters TO fanfare_api;
GRANT SELECT ON campaign_plans, deliveries, schedule_runs, variants TO fanfare_api;
