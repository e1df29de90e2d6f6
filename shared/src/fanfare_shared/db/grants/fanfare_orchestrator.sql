-- The orchestrator: plans, sweeps, adds up, notifies, and does the daily work. It reads no device's token, no app's
-- credentials and no API key. To lock an app's row takes the right to update a column of it.
GRANT SELECT (id, name, firebase_project_id, quota_per_minute, webhook_secret_encrypted, paused_until, pause_reason),
    UPDATE (updated_at) ON apps TO fanfare_orchestrator;
GRANT SELECT (id, app_id, user_id, token_digest, platform, is_active, registered_at),
    UPDATE (is_active, deactivated_at, updated_at) ON devices TO fanfare_orchestrator;
GRANT SELECT, UPDATE ON campaigns, images, originals, probes TO fanfare_orchestrator;
GRANT SELECT, INSERT, UPDATE ON campaign_plans, image_items, image_job_plans, notifications TO fanfare_orchestrator;
GRANT SELECT, INSERT, UPDATE, DELETE ON batches, doomed_objects, image_batches, image_jobs, schedule_runs
    TO fanfare_orchestrator;
GRANT DELETE ON image_items TO fanfare_orchestrator;
GRANT SELECT, INSERT ON deliveries TO fanfare_orchestrator;
GRANT SELECT, INSERT, DELETE ON dead_letters TO fanfare_orchestrator;
GRANT SELECT, DELETE ON audit_log, variants TO fanfare_orchestrator;
GRANT SELECT (created_at, ctid), DELETE ON idempotency_keys TO fanfare_orchestrator;
GRANT SELECT, UPDATE (updated_at), DELETE ON uploads TO fanfare_orchestrator;
GRANT SELECT ON folders TO fanfare_orchestrator;
GRANT EXECUTE ON FUNCTION make_deliveries_partition, drop_deliveries_partition TO fanfare_orchestrator;
